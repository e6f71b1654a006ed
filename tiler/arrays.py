"""Alpha of a picture that is in memory, or in a Dask or Zarr array: no file in, no file out."""

import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiler.core.geometry import Box, Span
from tiler.core.plan import Plan
from tiler.engine.graph import on_threads
from tiler.errors import InputError
from tiler.image.depth import alpha_to_depth
from tiler.image.hints import keep_hints
from tiler.image.own_alpha import split, times
from tiler.image.pyramid import build
from tiler.image.source import Colour, Metadata, Pixels, samples_of
from tiler.model.session import Session, open_session
from tiler.progress import Progress, logged
from tiler.recipe import plan_for
from tiler.run import scene_of, solve_with
from tiler.settings import Settings
from tiler.store.canvas import Canvas
from tiler.store.journal import Journal
from tiler.subject import Subject, check_guide

WANTED = (
    "Give (height, width), or (height, width, 1 to 4) samples: grey, grey and alpha, RGB or RGBA; "
    "uint8, uint16, or floats in 0..1."
)
COLOURS: dict[int, Colour] = {1: "grey", 2: "grey", 3: "rgb", 4: "rgb"}


def alpha(
    image: Any,
    settings: Settings | None = None,
    progress: Progress | None = None,
    *,
    model: Session | None = None,
) -> Any:
    """Return the alpha of `image`, (height, width) float32 in 0..1, 1 = foreground.

    image: a Pillow picture or a NumPy array, whose alpha is a NumPy array; or a Dask or Zarr array, which may be larger
    than memory: it is read in windows, and its alpha is a lazy Dask array over scratch files, which are removed when
    the array is. An array is (height, width) or (height, width, samples): grey, RGB, or one of them with a straight
    alpha, by which the result is multiplied, unless the option `ignore_alpha` is set. uint8 and uint16 use their full
    range; floats are 0..1 on the curve of sRGB.
    settings: the groups matting, hints and compute, and `work_dir`, the directory for scratch files. model: a network
    from `tiler.open_model`, which stays open. progress: receives stages, tiles and notes.

    Raises InputError for an array of another shape or dtype, of no pixels, or with values that are not in 0..1.
    """
    settings, progress = settings or Settings(), logged(progress)
    lazy = not isinstance(image, Image.Image | np.ndarray)
    source = ArraySource(
        _of_pillow(image) if isinstance(image, Image.Image) else image, ignores_alpha=settings.matting.ignore_alpha
    )
    folder = Path(tempfile.mkdtemp(prefix="tiler-", dir=settings.run.work_dir))
    try:
        plan, canvas = _solved(source, folder, settings, progress, model)
        if not lazy:
            return _result(source, canvas, Box.whole(plan.levels[0].shape))
        found = _lazy(source, plan, canvas)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if not lazy:
            shutil.rmtree(folder, ignore_errors=True)
    # The graph of every array made from this one holds the canvas.
    weakref.finalize(canvas, shutil.rmtree, folder, ignore_errors=True)
    return found


@dataclass(frozen=True, eq=False)
class ArraySource:
    """An array as a `Source` that is read in any order; ignores_alpha: as if it had no alpha.

    Raises InputError, naming the shape and the dtype found and wanted, if it is no picture.
    """

    array: Any
    metadata: Metadata = field(default_factory=Metadata)
    random_access: bool = True
    ignores_alpha: bool = False

    def __post_init__(self) -> None:
        shape, dtype = tuple(getattr(self.array, "shape", ())), getattr(self.array, "dtype", type(self.array).__name__)
        found = f"An array of shape {shape} and dtype {dtype} is no picture"
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in COLOURS):
            raise InputError(f"{found}.", WANTED)
        if 0 in shape:
            raise InputError(f"{found}: it has no pixels.", WANTED)
        if np.dtype(dtype).kind != "f" and np.dtype(dtype) not in (np.uint8, np.uint16):
            raise InputError(f"{found}.", WANTED)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.array.shape[0]), int(self.array.shape[1])

    @property
    def colour(self) -> Colour:
        return COLOURS[1 if len(self.array.shape) == 2 else int(self.array.shape[2])]

    @property
    def has_alpha(self) -> bool:
        return not self.ignores_alpha and len(self.array.shape) == 3 and self.array.shape[2] in (2, 4)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8 if self.array.dtype == np.uint8 else np.uint16)

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, samples) pixels of `box`; raises InputError for a float that is not in 0..1."""
        pixels: NDArray[Any] = np.asarray(self.array[box.slices])
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., : samples_of(self)]
        if pixels.dtype.kind != "f":
            return pixels
        if not ((pixels >= 0) & (pixels <= 1)).all():
            worst = pixels[~((pixels >= 0) & (pixels <= 1))][0]
            raise InputError(
                f"The array of shape {self.array.shape} and dtype {self.array.dtype} holds {worst}, not in 0..1.",
                "Give floats in 0..1, on the curve of sRGB, without NaN.",
            )
        return np.asarray(np.rint(pixels * 65535).astype(np.uint16))

    def close(self) -> None: ...


def _of_pillow(image: Image.Image) -> NDArray[Any]:
    """Return the pixels of a Pillow picture; raises InputError for a mode that has no such pixels."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGB")
    return np.asarray(image)


def _solved(
    source: ArraySource, folder: Path, settings: Settings, progress: Progress, model: Session | None
) -> tuple[Plan, Canvas]:
    session = model or open_session(settings.compute, progress)
    try:
        check_guide(session.card, settings)
        plan = plan_for(source.shape, session.card, settings.matting, wraps=bool(settings.matting.wrap))
        threads = settings.compute.thread_count
        pyramid = build(
            source, plan.shapes, folder / "pyramid", progress, wraps=plan.levels[0].cols.wraps, threads=threads
        )
        canvas, journal = Canvas(folder / "canvas", plan), Journal(folder / "journal")
        subject = Subject(folder, source, session, plan, full_turn=False, seconds=0.0)
        hints = keep_hints(folder / "hints", settings.hints, plan.shapes[0], plan.shapes[-1])
        scene = scene_of(subject, pyramid, canvas, journal, settings, progress, hints)
        solve_with(scene, on_threads(threads), settings)
    finally:
        if model is None:
            session.close()
    return plan, canvas


def _result(source: ArraySource, canvas: Canvas, box: Box) -> NDArray[np.float32]:
    """Return the alpha of `box`, (h, w) in 0..1, times that of the array, if it has one."""
    if not source.has_alpha:
        return canvas.alpha(0, box)
    _, own = split(source.read(box), source)
    assert own is not None
    return np.asarray(alpha_to_depth(times(canvas.steps(0, box), own[..., 0]), np.dtype(np.float32)))


def _lazy(source: ArraySource, plan: Plan, canvas: Canvas) -> Any:
    """Return the alpha on the canvas as a Dask array of the plan's blocks."""
    import dask.array

    level = plan.levels[0]
    chunks = tuple(tuple(axis.block(index).size for index in range(axis.count)) for axis in (level.rows, level.cols))

    def block(block_info: Any) -> NDArray[np.float32]:
        (top, bottom), (left, right) = block_info[None]["array-location"]
        return _result(source, canvas, Box(Span(top, bottom), Span(left, right)))

    da: Any = dask.array
    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
