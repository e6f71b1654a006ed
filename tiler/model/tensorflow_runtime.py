"""A network at work: one TensorFlow session, in its own graph, that any thread may call."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiler.errors import ModelError
from tiler.memory import release_memory
from tiler.model.card import ModelCard, find_card
from tiler.model.graph_file import read_graph, unpack_weights
from tiler.model.graph_report import GraphReport, graph_report
from tiler.model.hub import find_graph
from tiler.model.network import Device, UsedPrecision
from tiler.model.trust import pinned
from tiler.progress import Progress, logged
from tiler.settings import ComputeOptions, Precision

WHITE = np.float32(255)
CPUINFO = Path("/proc/cpuinfo")

# What Linux calls the instructions that multiply bfloat16 numbers.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def open_model(
    model: str = "modnet",
    *,
    precision: Precision = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> "Session":
    """Return a network, loaded once, for many calls of `tiler.matte` and `tiler.alpha`; close it when done.

        with tiler.open_model("modnet") as model:
            tiler.matte("a.tif", "a-cutout.tif", model=model)
            tiler.matte("b.tif", "b-cutout.tif", model=model)

    model: a name that `tiler models` lists, or a directory with a graph. precision: "auto", "f32" or "bf16". threads:
    tiles in flight at once; all processors, if None. progress: receives the stage of fetching.

    Raises ModelError if the network cannot be found, fetched or loaded, SettingsError for a value no option can have.
    """
    return open_session(ComputeOptions(model=model, precision=precision, threads=threads), logged(progress))


def open_session(compute: ComputeOptions, progress: Progress) -> "Session":
    """Return the network that the options name, fetched if need be, ready for as many callers as they have threads.

    A graph that did not come with tiler tells `progress` what it holds that bears on tiling.
    Raises ModelError if the network cannot be found, fetched or loaded.
    """
    card = find_card(compute.model)
    path = find_graph(card, progress)
    trusted = pinned(card, path, progress)
    session = Session(trusted, path, precision=compute.precision, threads=compute.thread_count)
    if card.sha256 is None:
        for sentence in session.graph_report.sentences():
            progress.note(f"{card.name}: {sentence}")
    return session


class Session:
    """A matting network from a graph file; a `Network`.

    card: its contract. precision, device: what is in use. graph_report: what in the graph bears on tiling. sha256: of
    the graph file, hexadecimal.
    """

    card: ModelCard
    precision: UsedPrecision
    device: Device
    graph_report: GraphReport
    sha256: str

    def __init__(self, card: ModelCard, path: Path, *, precision: Precision = "auto", threads: int = 1) -> None:
        """Load the graph in the file `path`, which keeps the contract of `card`, for so many calling `threads`.

        Each call runs on one thread: so many tiles at once keep a machine busier than one tile on many threads, and
        the order of additions within a tile never changes.

        Raises ModelError if the file is no graph, is not the one the card knows, holds an operation that is not
        allowed, or lacks the card's tensors; and if `precision` is "bf16" on a machine that cannot.
        """
        tf = load_tensorflow()
        definition, self.sha256 = read_graph(path)
        _check_sha256(self.sha256, path, card)
        self.card = card
        self.graph_report = graph_report(definition)
        self.device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
        self.precision = choose_precision(precision, has_gpu=self.device == "gpu")
        unpack_weights(definition)
        graph = tf.Graph()
        with graph.as_default():
            try:
                tf.import_graph_def(definition, name="")
                self._input = graph.get_tensor_by_name(card.input_tensor)
                self._alpha = graph.get_tensor_by_name(card.output_tensor)[..., card.alpha_channel]
            except (KeyError, ValueError) as error:
                raise _misfit(path, card, definition) from error
            self._session = tf.compat.v1.Session(graph=graph, config=_config(tf, self.precision, threads))
        self._settle()

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (h, w) float32 alpha, 0..1, of (h, w, 3) float32 RGB pixels, 0..255; any size from 1x1 up.

        Where the network needs sides of a certain multiple, the picture is continued by its mirror image below and
        to the right, and the answer cut back. The same pixels give the same bits, from whichever thread.

        Raises ModelError if the network fails, or answers with anything but finite numbers.
        """
        height, width = rgb.shape[:2]
        pixels = _padded(rgb if self.card.channels == "rgb" else rgb[..., ::-1], self.card.multiple_px)
        answer = self._run(pixels)[:height, :width] / WHITE
        if answer.shape != (height, width):
            raise ModelError(
                f"{self.card.name} answered {rgb.shape[:2]} pixels with {answer.shape}.",
                "The graph does not keep the contract of its card; check the card's tensors and multiple_px.",
            )
        if not np.isfinite(answer).all():
            raise ModelError(
                f"{self.card.name} answered with numbers that are not finite.",
                "Try --precision f32; if that does not help, the graph is damaged: fetch it again.",
            )
        alpha: NDArray[np.float32] = np.clip(answer, 0, 1, dtype=np.float32)
        return alpha

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the memory. The session cannot be used afterwards."""
        self._session.close()
        release_memory()

    def _settle(self) -> None:
        """Run once on a speck: the graph is optimised now, and the memory for copies of its weights given back."""
        speck_px = max(64, self.card.multiple_px)
        self._run(np.zeros((speck_px, speck_px, 3), np.float32))
        release_memory()

    def _run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        from tensorflow.errors import OpError

        try:
            answer: NDArray[np.float32] = self._session.run(self._alpha, {self._input: pixels})
        except OpError as error:
            height, width = pixels.shape[:2]
            raise ModelError(
                f"{self.card.name} failed on {width} x {height} pixels: {error.message.splitlines()[0]}",
                "If memory ran out, choose a smaller --tile-px, a smaller --guide-px or fewer --threads.",
            ) from error
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


def load_tensorflow() -> Any:
    """Import TensorFlow, which takes seconds; raises ModelError if it cannot be loaded."""
    try:
        import tensorflow
    except ImportError as error:
        raise ModelError(
            f"TensorFlow cannot be loaded: {error}.", "Install it with: pip install --upgrade tensorflow"
        ) from error
    return tensorflow


def _config(tf: Any, precision: UsedPrecision, threads: int) -> Any:
    """Return a ConfigProto; with fewer inter-op threads than callers, the callers would wait for each other."""
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=max(2, threads),
        use_per_session_threads=True,
        gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
    )
    if precision == "bf16":
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision_onednn_bfloat16 = type(rewrites).ON
    return config


def _padded(rgb: NDArray[np.float32], multiple_px: int) -> NDArray[np.float32]:
    rows, cols = (-side % multiple_px for side in rgb.shape[:2])
    if not rows and not cols:
        return rgb
    return np.pad(rgb, ((0, rows), (0, cols), (0, 0)), mode="symmetric")


def _check_sha256(found: str, path: Path, card: ModelCard) -> None:
    if card.sha256 is not None and found != card.sha256:
        raise ModelError(
            f"{path}: this is not the graph that the card of {card.name} describes, or a part of it is missing.",
            f"Install or fetch it again; its sha256 should be {card.sha256}.",
        )


def _misfit(path: Path, card: ModelCard, definition: Any) -> ModelError:
    """Say which of the card's tensors the graph lacks, and which it has at its two ends."""
    names = {node.name for node in definition.node}
    wanted = [tensor for tensor in (card.input_tensor, card.output_tensor) if tensor.split(":")[0] not in names]
    used = {name.removeprefix("^").split(":")[0] for node in definition.node for name in node.input}
    inputs = [f"{node.name}:0" for node in definition.node if node.op == "Placeholder"]
    outputs = [f"{node.name}:0" for node in definition.node if node.name not in used and node.op != "Placeholder"]
    return ModelError(
        f"{path}: this graph does not fit the card of {card.name}; it lacks {', '.join(wanted) or 'what it says'}.",
        f"It takes {', '.join(inputs[:8]) or 'nothing'} and gives {', '.join(outputs[:8]) or 'nothing'}: "
        "name the right tensors in a card.toml beside the graph.",
    )
