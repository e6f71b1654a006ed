"""A network that TensorFlow runs: one session, in its own graph, that any thread may call."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.errors import ModelError
from tiler.memory import release_memory
from tiler.model.asking import Feed, asked, check_sha256, failed, feed, misfit, square_of, tensors_of
from tiler.model.card import ModelCard
from tiler.model.contract import Layout
from tiler.model.fit import Shape, rows_and_cols
from tiler.model.graph_file import read_graph, unpack_weights
from tiler.model.graph_report import GraphReport, graph_report
from tiler.model.network import Device, UsedPrecision
from tiler.model.tensorflow_parts import TensorFlow, load_tensorflow
from tiler.settings import Precision

CPUINFO = Path("/proc/cpuinfo")

# What Linux calls the instructions that multiply bfloat16 numbers.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


class TensorFlowSession:
    """A matting network from a frozen graph; a `Session`.

    card: its contract. precision, device: what is in use. graph_report: what in the graph bears on tiling. sha256: of
    the graph file, hexadecimal.
    """

    card: ModelCard
    precision: UsedPrecision
    device: Device
    graph_report: GraphReport
    sha256: str

    def __init__(
        self, card: ModelCard, path: Path, *, precision: Precision = "auto", device: str = "auto", threads: int = 1
    ) -> None:
        """Load the graph in the file `path`, which keeps the contract of `card`, for so many calling `threads`.

        Each call runs on one thread: so many tiles at once keep a machine busier than one tile on many threads, and
        the order of additions within a tile never changes.

        Raises ModelError if the file is no graph, is not the one the card knows, holds an operation that is not
        allowed, or lacks the card's tensors; if `precision` is "bf16" on a machine that cannot; and if `device`, one of
        "auto", "cpu" and "cuda", is not there.
        """
        tf = load_tensorflow()
        definition, self.sha256 = read_graph(path)
        check_sha256(self.sha256, path, card)
        self.card = card
        self.graph_report = graph_report(definition)
        self.device = choose_device(device, has_gpu=tf.has_gpu())
        self.precision = choose_precision(precision, has_gpu=self.device == "gpu")
        unpack_weights(definition)
        graph = tf.Graph()
        with graph.as_default():
            try:
                tf.import_graph_def(definition, name="")
                self._inputs = {name: graph.get_tensor_by_name(name) for name in tensors_of(card.input)}
                self._answer = graph.get_tensor_by_name(card.output.tensor)
            except (KeyError, ValueError) as error:
                raise _misfit(path, card, definition) from error
            self._square = square_of(card, _fixed_sides(self._inputs[str(card.input.tensor)], card.input.layout), path)
            self._failure = tf.OpError
            self._session = tf.Session(graph=graph, config=_config(tf, self.precision, self.device, threads))
        # That takes a second, in which the picture may be read.
        with_own_thread = ThreadPoolExecutor(1, thread_name_prefix="tiler-network")
        self._settled = with_own_thread.submit(self._settle)
        with_own_thread.shutdown(wait=False)

    def alpha(self, rgb: NDArray[np.float32], hint: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the (h, w) float32 alpha, 0..1, of (h, w, 3) float32 RGB pixels, 0..255; any size from 1x1 up.

        hint: the trimap, (h, w) float32 of 0, 0.5 and 1, for a network that takes one. The same pixels
        give the same bits, from whichever thread.

        Raises ModelError if the network fails, or answers with anything but what its card promises.
        """
        self._settled.result()
        return asked(self.card, self._run, rgb, self._square, hint)

    def __enter__(self) -> "TensorFlowSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory. The session cannot be used afterwards."""
        wait([self._settled])
        self._session.close()
        release_memory()

    def _settle(self) -> None:
        """Run once on a speck: the graph is optimised now, and the memory for copies of its weights given back."""
        speck_px = max(64, self.card.input.multiple_px)
        speck = np.zeros((speck_px, speck_px, 3), np.float32)
        self._run(feed(self.card, speck, self._square, speck[..., 0]))
        release_memory()

    def _run(self, given: Feed) -> NDArray[np.float32]:
        try:
            answer: NDArray[np.float32] = self._session.run(
                self._answer, {self._inputs[name]: pixels for name, pixels in given.items()}
            )
        except self._failure as error:
            raise failed(self.card, given, error.message.splitlines()[0]) from error
        return answer


def choose_precision(wanted: Precision, *, has_gpu: bool = False, cpuinfo: Path = CPUINFO) -> UsedPrecision:
    """Return the precision to use: bfloat16 only on a processor that has it, as Linux tells in `cpuinfo`.

    A graphics card works in float32. Raises ModelError if "bf16" is wanted and cannot be had.
    """
    if wanted == "f32":
        return "f32"
    if not has_gpu and cpuinfo.exists() and BF16_FLAGS & set(cpuinfo.read_text().split()):
        return "bf16"
    if wanted == "bf16":
        raise ModelError(
            "The network would not run in bfloat16 here: that takes a processor with AVX512_BF16 or AMX_BF16.",
            "Use --precision auto.",
        )
    return "f32"


def choose_device(wanted: str, *, has_gpu: bool) -> Device:
    """Return "gpu" or "cpu"; raises ModelError if `wanted` is neither "auto", "cpu" nor a "cuda" that is there."""
    if wanted not in ("auto", "cpu", "cuda"):
        raise ModelError(f"--device {wanted}: TensorFlow runs on cpu or cuda.", "Choose one of these, or auto.")
    if wanted == "cuda" and not has_gpu:
        raise ModelError(
            "--device cuda: TensorFlow finds no graphics card.",
            "Install it for one with: pip install 'tiler-matting[gpu]'; or choose --device cpu.",
        )
    return "gpu" if has_gpu and wanted != "cpu" else "cpu"


def _config(tf: TensorFlow, precision: UsedPrecision, device: Device, threads: int) -> Any:
    """Return a ConfigProto; with fewer inter-op threads than callers, the callers would wait for each other."""
    config = tf.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=max(2, threads),
        use_per_session_threads=True,
        device_count={} if device == "gpu" else {"GPU": 0},
        gpu_options=tf.GPUOptions(allow_growth=True),
    )
    if precision == "bf16":
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = type(rewrites).ON
    return config


def _fixed_sides(tensor: Any, layout: Layout) -> Shape | None:
    """Return the (height, width) that the input takes; None if it takes any."""
    if tensor.shape.rank != len(layout):
        return None
    height, width = rows_and_cols(tensor.shape.as_list(), layout)
    return None if height is None or width is None else (height, width)


def _misfit(path: Path, card: ModelCard, definition: Any) -> ModelError:
    """Say which of the card's tensors the graph lacks, and which it has at its two ends."""
    used = {name.removeprefix("^").split(":")[0] for node in definition.node for name in node.input}
    inputs = [f"{node.name}:0" for node in definition.node if node.op == "Placeholder"]
    outputs = [f"{node.name}:0" for node in definition.node if node.name not in used and node.op != "Placeholder"]
    return misfit(path, card, inputs, outputs, {f"{node.name}:0" for node in definition.node})
