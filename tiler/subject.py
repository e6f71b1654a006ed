"""What a run begins with: the open picture, the network that will see it, and the plan for the two."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tiler.core.plan import Plan
from tiler.core.region import regions_of
from tiler.errors import InputError, SettingsError
from tiler.image.file_state import FileState, check_unchanged, state_of
from tiler.image.limits import Network, at_work, check_room
from tiler.image.metadata.gpano import is_full_turn
from tiler.image.open import open_source
from tiler.image.own_alpha import WithoutAlpha
from tiler.image.source import Source
from tiler.image.write.export import most_bytes
from tiler.model.card import ModelCard
from tiler.model.pair import card_of
from tiler.model.session import Session, open_session
from tiler.model.views import views_of
from tiler.progress import Progress
from tiler.recipe import plan_for
from tiler.settings import HintOptions, Settings


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture that is open, the network that will see it, and the plan for the two.

    full_turn: its own metadata says that left and right ends meet. seconds: what opening the network took. state: that
    of the file before it was opened; None if the picture is no file.
    """

    path: Path
    picture: Source
    session: Session
    plan: Plan
    full_turn: bool
    seconds: float
    state: FileState | None = None

    @property
    def wraps(self) -> bool:
        return self.plan.levels[0].cols.wraps

    def check_unchanged(self) -> None:
        """Raise InputError if the file was changed or replaced since it was opened."""
        if self.state is not None:
            check_unchanged(self.path, self.state)


@contextmanager
def opened(
    path: Path,
    scratch: Path,
    settings: Settings,
    progress: Progress,
    model: Session | None,
    *,
    continued: bool = False,
    output: Path | None = None,
) -> Iterator[Subject]:
    """Give the picture `path` with its network and its plan; what is opened here is closed when the block ends.

    scratch: the directory for scratch files, whose disk must have room. continued: they are there already.
    output: where the output will be written, whose disk must have room as well.
    Raises TilerError before any long work if picture, memory, disk, settings or network will not do.
    """
    with ExitStack() as stack:
        state = state_of(path)
        for hint in filter(None, (settings.hints.guide, settings.hints.trimap)):
            state_of(hint)
        picture = stack.enter_context(closing(open_source(path, max_pixels=settings.run.max_pixels, scratch=scratch)))
        if settings.matting.ignore_alpha:
            picture = WithoutAlpha(picture)
        for note in picture.metadata.notes:
            progress.note(f"{path}: {note}")
        _check_regions(path, picture.shape, settings.hints)
        card = model.card if model else card_of(settings.compute)
        check_guide(card, settings)
        full_turn = is_full_turn(picture.metadata.xmp, picture.shape)
        wraps = full_turn if settings.matting.wrap is None else settings.matting.wrap
        plan = plan_for(picture.shape, card, settings.matting, wraps=wraps)
        room = None if output is None else (output.absolute().parent, most_bytes(output, picture, settings))
        check_room(path, picture, scratch, network_for(plan, card, settings), continued=continued, output=room)
        stack.enter_context(at_work(picture))
        began = perf_counter()
        session = model or stack.enter_context(closing(open_session(settings.compute, progress)))
        seconds = perf_counter() - began
        plan = plan_for(picture.shape, session.card, settings.matting, wraps=wraps)
        yield Subject(path, picture, session, plan, full_turn, seconds, state)


def network_for(plan: Plan, card: ModelCard, settings: Settings) -> Network:
    """Return what the network has to look at in this plan."""
    base = plan.levels[-1]
    height, width = base.read(0, 0).shape
    views = views_of(card, settings.matting.guide_px or card.guide_px, settings.matting.views)
    return Network(
        tile_px=settings.matting.tile_px or card.tile_px,
        threads=settings.compute.thread_count,
        view_px=round(height * width * max(view.scale for view in views) ** 2),
        base_tile_px=height * width,
        base_px=base.shape[0] * base.shape[1],
    )


def check_guide(card: ModelCard, settings: Settings) -> None:
    """Raise SettingsError if there is nothing to make a guide of, or two things."""
    if settings.hints.guide is not None and settings.compute.guide_model is not None:
        raise SettingsError(
            "--guide and --guide-model: with a guide of your own no network makes one.", "Leave one of them out."
        )
    if card.role == "detail" and settings.hints.guide is None:
        raise SettingsError(
            f"{card.name} is shown tiles alone, and there is no guide for them.",
            "Add a network that makes one, --guide-model modnet; or give an alpha of the picture, --guide FILE.",
        )


def _check_regions(path: Path, shape: tuple[int, int], hints: HintOptions) -> None:
    """Raise InputError if a rectangle to work in does not lie in the picture."""
    for text, box in zip(hints.roi, regions_of(hints.roi), strict=True):
        if box.rows.stop > shape[0] or box.cols.stop > shape[1]:
            raise InputError(
                f"--roi {text} does not lie in {path}, which has {shape[1]} x {shape[0]} px.",
                "Give left, top, width and height in pixels of the picture.",
            )
