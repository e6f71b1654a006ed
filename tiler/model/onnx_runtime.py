"""A network that onnxruntime runs: one session that any thread may call."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from tiler.errors import ModelError
from tiler.memory import release_memory
from tiler.model.asking import Feed, Plane, asked, check_sha256, failed, meant, square_of, tensors_of
from tiler.model.card import ModelCard
from tiler.model.fit import rows_and_cols
from tiler.model.graph_report import GraphReport
from tiler.model.network import Device, UsedPrecision
from tiler.model.onnx_file import missing, read_onnx
from tiler.model.onnx_report import onnx_report
from tiler.model.onnx_tensors import with_tensors
from tiler.progress import Progress
from tiler.settings import Precision

SUFFIX = "ExecutionProvider"
CPU, CUDA = f"CPU{SUFFIX}", f"CUDA{SUFFIX}"
# It sends pictures to another machine.
AWAY = f"Azure{SUFFIX}"

# cuDNN chooses a convolution by its shape, so that it is the same in every run. A search for the quickest one may end
# otherwise the next time, and what it takes without any choice is fifty times slower. TensorFloat is off by up to 0.1.
OPTIONS = {CUDA: {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}}

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
# A graphics card adds in another order. A wrong kernel is off by much more.
TOLERANCE = 0.02


class OnnxSession:
    """A matting network from an ONNX file; a `Session`.

    card: its contract. precision, device: what is in use. graph_report: what in the graph bears on tiling. sha256: of
    the file, hexadecimal.
    """

    card: ModelCard
    precision: UsedPrecision
    device: Device
    graph_report: GraphReport
    sha256: str

    def __init__(
        self,
        card: ModelCard,
        path: Path,
        *,
        precision: Precision = "auto",
        device: str = "auto",
        progress: Progress,
    ) -> None:
        """Load the graph in the file `path`, which keeps the contract of `card`.

        Each call runs on the thread that makes it, in the order of the graph, so the bits do not depend on threads.
        device: "auto", "cpu", "cuda" or the name of another provider. progress: hears if "auto" cannot use a provider
        that is installed.

        Raises ModelError if the file is no graph, is not the one that the card knows, holds what is not allowed, or
        lacks the card's tensors; and if precision or device cannot be had.
        """
        runtime = load_onnxruntime()
        if precision == "bf16":
            raise ModelError("onnxruntime does not run networks in bfloat16.", "Use --precision auto.")
        model, self._content, self.sha256 = read_onnx(path)
        check_sha256(self.sha256, path, card)
        card = with_tensors(card, path, model)
        self.card, self.precision, self.graph_report = card, "f32", onnx_report(model)
        wanted = choose_provider(device, runtime.get_available_providers())
        self._session = _load(runtime, self._content, wanted, path)
        used = self._session.get_providers()[0]
        if used != wanted and device != "auto":
            raise ModelError(
                f"--device {device}: onnxruntime has {wanted} and cannot use it here.",
                "Check the driver and the libraries that it needs, or choose --device cpu.",
            )
        if used != wanted:
            progress.note(f"{card.name}: onnxruntime has {wanted} and cannot use it here; the processor is used.")
        self.device = {CPU: "cpu", CUDA: "gpu"}.get(used, used.removesuffix(SUFFIX).lower())
        inputs = {one.name: one for one in self._session.get_inputs()}
        for name in tensors_of(card.input):
            if inputs[name].type not in FLOATS:
                raise ModelError(
                    f"{path}: {name} takes {inputs[name].type}, and tiler gives {' or '.join(FLOATS)}.",
                    "Export the network with an input of floating point numbers.",
                )
        self._dtypes = {name: FLOATS[inputs[name].type] for name in tensors_of(card.input)}
        self._square = square_of(card, _fixed_sides(inputs[card.input.tensor].shape, card, path), path)
        self._doubted, self._checking = used != CPU, Lock()
        if not self._doubted:
            self._content = b""

    def alpha(self, rgb: Plane, hint: Plane | None = None) -> Plane:
        """Return the (h, w) float32 alpha, 0..1, of (h, w, 3) float32 RGB pixels, 0..255; any size from 1x1 up.

        hint: the trimap, (h, w) float32 of 0, 0.5 and 1, for a network that takes one. The same pixels give the same
        bits, from whichever thread. The first answer of a graphics card is compared with that of the processor.

        Raises ModelError if the network fails, or answers with anything but what its card promises; and if a graphics
        card computes something else than the processor.
        """
        alpha = asked(self.card, self._run, rgb, self._square, hint)
        with self._checking:
            if self._doubted:
                self._compare(rgb, hint, alpha)
                self._doubted, self._content = False, b""
        return alpha

    def meant(self, rgb: Plane, hint: Plane | None = None) -> Plane:
        """Return what it answers by its card, as `alpha` does, but in whatever range it is."""
        return meant(self.card, self._run, rgb, self._square, hint)

    def __enter__(self) -> "OnnxSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory. The session cannot be used afterwards."""
        self._session = None
        release_memory()

    def _run(self, given: Feed) -> Plane:
        return self._answer(self._session, given)

    def _answer(self, session: Any, given: Feed) -> Plane:
        try:
            fed = {name: pixels.astype(self._dtypes[name], copy=False) for name, pixels in given.items()}
            (answer,) = session.run([self.card.output.tensor], fed)
        except Exception as error:  # its errors have no common base, and its binding raises RuntimeError as well
            raise failed(self.card, given, _first_line(error)) from error
        return np.asarray(answer, np.float32)

    def _compare(self, rgb: Plane, hint: Plane | None, alpha: Plane) -> None:
        """Raise ModelError if the processor's alpha of `rgb` is another one."""
        by_cpu = _load(load_onnxruntime(), self._content, CPU, Path(self.card.graph))
        expected = asked(self.card, lambda given: self._answer(by_cpu, given), rgb, self._square, hint)
        if (off := float(np.abs(alpha - expected).max())) > TOLERANCE:
            raise ModelError(
                f"{self.card.name}: the alpha of the {self.device} is off by up to {off:.2g} from the processor's.",
                "Choose --device cpu; or update the driver and onnxruntime.",
            )


def choose_provider(device: str, available: list[str]) -> str:
    """Return the name of the provider that `device` means, of those that onnxruntime has.

    "auto" means CUDA where onnxruntime has it, and else the processor. Raises ModelError if it is not there.
    """
    if device == "auto":
        return CUDA if CUDA in available else CPU
    here = [name for name in available if name != AWAY]
    for name in here:
        if name.removesuffix(SUFFIX).casefold() == device.casefold():
            return name
    raise ModelError(
        f"--device {device}: this onnxruntime has no such provider.",
        f"It has {', '.join(name.removesuffix(SUFFIX).lower() for name in here)}. For an NVIDIA card: "
        "pip install 'tiler-matting[onnx-gpu]'",
    )


def load_onnxruntime() -> Any:
    """Import onnxruntime; raises ModelError if it cannot be loaded."""
    try:
        import onnxruntime
    except ImportError as error:
        raise missing(error) from error
    return onnxruntime


def _load(runtime: Any, content: bytes, provider: str, path: Path) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what matters is raised
    try:
        return runtime.InferenceSession(content, options, providers=[(provider, OPTIONS.get(provider, {}))])
    except Exception as error:  # its errors have no common base, and its binding raises RuntimeError as well
        raise ModelError(
            f"{path}: onnxruntime {runtime.__version__} cannot load this network: {_first_line(error)}",
            "A newer onnxruntime may know its operations: pip install --upgrade onnxruntime. Else fetch it again.",
        ) from error


def _fixed_sides(shape: list[Any], card: ModelCard, path: Path) -> tuple[int, int] | None:
    """Return the (height, width) that the input takes; None if it takes any."""
    height, width = rows_and_cols(shape, card.input.layout)
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    if isinstance(height, int) or isinstance(width, int):
        raise ModelError(
            f"{path}: this graph takes one width and any height, or the other way round.",
            "Export it for one size, or for any.",
        )
    return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
