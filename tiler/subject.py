"""What a run begins with: the open picture, the network that will see it, and the plan for the two."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tiler.core.plan import Plan
from tiler.core.region import regions_of
from tiler.errors import InputError
from tiler.image.limits import check_room
from tiler.image.metadata.gpano import is_full_turn
from tiler.image.open import open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.image.source import Source
from tiler.model.card import find_card
from tiler.model.tensorflow_runtime import Session, open_session
from tiler.progress import Progress
from tiler.recipe import plan_for
from tiler.settings import HintOptions, Settings


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture that is open, the network that will see it, and the plan for the two.

    full_turn: its own metadata says that left and right ends meet. seconds: what opening the network took.
    """

    path: Path
    picture: Source
    session: Session
    plan: Plan
    full_turn: bool
    seconds: float

    @property
    def wraps(self) -> bool:
        return self.plan.levels[0].cols.wraps


@contextmanager
def opened(
    path: Path,
    scratch: Path,
    settings: Settings,
    progress: Progress,
    model: Session | None,
    *,
    continued: bool = False,
) -> Iterator[Subject]:
    """Give the picture `path` with its network and its plan; what is opened here is closed when the block ends.

    scratch: the directory for scratch files, whose disk must have room. continued: they are there already.
    Raises TilerError before any long work if picture, memory, disk, settings or network will not do.
    """
    with ExitStack() as stack:
        picture = stack.enter_context(closing(open_source(path, max_pixels=settings.run.max_pixels, scratch=scratch)))
        if settings.matting.ignore_alpha:
            picture = WithoutAlpha(picture)
        for note in picture.metadata.notes:
            progress.note(f"{path}: {note}")
        _check_regions(path, picture.shape, settings.hints)
        tile_px = settings.matting.tile_px or find_card(settings.compute.model).tile_px
        check_room(path, picture, scratch, tile_px, settings.compute.thread_count, continued=continued)
        began = perf_counter()
        session = model or stack.enter_context(closing(open_session(settings.compute, progress)))
        seconds = perf_counter() - began
        full_turn = is_full_turn(picture.metadata.xmp, picture.shape)
        wraps = full_turn if settings.matting.wrap is None else settings.matting.wrap
        plan = plan_for(picture.shape, session.card, settings.matting, wraps=wraps)
        yield Subject(path, picture, session, plan, full_turn, seconds)


def _check_regions(path: Path, shape: tuple[int, int], hints: HintOptions) -> None:
    """Raise InputError if a rectangle to work in does not lie in the picture."""
    for text, box in zip(hints.roi, regions_of(hints.roi), strict=True):
        if box.rows.stop > shape[0] or box.cols.stop > shape[1]:
            raise InputError(
                f"--roi {text} does not lie in {path}, which has {shape[1]} x {shape[0]} px.",
                "Give left, top, width and height in pixels of the picture.",
            )
