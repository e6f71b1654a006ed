"""A cutout over a new background, from file to file, at any size."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import remove_stale
from tiler.core.compositing import over
from tiler.core.edges import halo_of
from tiler.core.geometry import Box, Span
from tiler.edge import edges_of
from tiler.errors import InputError, OutputError, SettingsError
from tiler.image.clean_colours import ReadBoth
from tiler.image.depth import to_depth
from tiler.image.edged import with_edges
from tiler.image.layers.background import Background, Own, Wanted, background, wanted_background
from tiler.image.layers.cutout import Cutout, opened_cutout
from tiler.image.layers.placed import Fit, Placing
from tiler.image.layers.relit import Amounts, Lit, relit
from tiler.image.metadata.gpano import is_full_turn
from tiler.image.open import open_source
from tiler.image.prefetch import prefetched
from tiler.image.source import BAND_ROWS, Source
from tiler.image.write.export import check_place, check_size, write_atomically
from tiler.image.write.fitting import fitted
from tiler.image.write.formats import OPAQUE_FORMATS, OutputFormat
from tiler.image.write.output import OutputImage
from tiler.progress import Progress, logged
from tiler.settings import MOST_PIXELS, default_threads

# A band is cut into so many pieces for each thread, that none waits long for another, and none is narrower than this.
PIECES = 4
LEAST_COLS = 256


@dataclass(frozen=True, slots=True)
class Pieces:
    """How `count` threads share a band of rows; read: whether each piece is read by itself, and not the band before."""

    threads: ThreadPoolExecutor
    count: int
    read: bool

    def of(self, width: int) -> list[Span]:
        """Return the columns of each piece."""
        step = max(LEAST_COLS, -(-width // (PIECES * self.count)))
        return [Span(start, start + step).clip(Span(0, width)) for start in range(0, width, step)]


def compose(
    cutout: str | Path,
    output: str | Path,
    background: str | Path,
    *,
    fit: Fit = "cover",
    offset: tuple[int, int] = (0, 0),
    original: str | Path | None = None,
    gamma: bool = False,
    edge: Sequence[str] = (),
    light_wrap: float = 0.0,
    match_light: float = 0.0,
    progress: Progress | None = None,
) -> None:
    """Write `output`, the picture `cutout` over a background.

    cutout: a picture with alpha, such as `tiler.matte` writes. output: its ending gives the format: .tif, .tiff, .png,
    .jpg, .jpeg, .webp, .exr or .zarr. It has the size, the depth, the profile and the metadata of the cutout, as far as
    its format can hold them, and no alpha. It appears complete or not at all.
    background: a colour, as its name in CSS or #rrggbb; "gradient:FROM,TO" or "gradient:FROM,TO,DEGREES", two colours
    and a direction as in CSS; "blur:RADIUS", the background of `original` under a Gaussian of that sigma in pixels;
    "original", that background as it is; or the file of a picture. It is converted into the profile of the cutout.
    fit: how a picture fills the cutout: "cover" it, be "contain"ed in it before black, or "tile" it. offset: (right,
    down) in pixels of the cutout, by which it is moved from there; one that covers moves as far as it still does.
    original: the picture of which the cutout was made.
    gamma: mix the samples as they are, as many editors do, and not the light that they mean. edge: changes of the edge
    of the cutout, in their order, such as "shrink:1"; as for `--edge`. light_wrap: how much of the background's light
    comes around the edge of the subject, 0..1. match_light: how far the mean and the contrast of the subject are moved
    towards those of the background, 0..1. progress: receives stages and notes.

    Raises TilerError: SettingsError, InputError or OutputError.
    """
    cutout, output, progress = Path(cutout), Path(output), logged(progress)
    original = None if original is None else Path(original)
    if fit not in get_args(Fit):
        raise SettingsError(f"--fit is {fit!r}.", f"Choose one of: {', '.join(get_args(Fit))}.")
    edges, amounts = edges_of(edge), _amounts(light_wrap, match_light)
    wanted = check(cutout, output, background, original)
    output_format, scratch = OPAQUE_FORMATS[output.suffix.lower()], output.resolve().parent
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_source(cutout)))
        image = _checked_image(cutout, output, output_format, source, progress)
        remove_stale(output)
        again = halo_of(edges) > 0 or isinstance(wanted, Own) or amounts != Amounts()
        front = stack.enter_context(
            opened_cutout(cutout, source, gamma=gamma, again=again, scratch=scratch, progress=progress)
        )
        behind = stack.enter_context(
            _background(wanted, front, Placing(fit, offset), original, scratch, MOST_PIXELS, progress)
        )
        read = front.read
        if edges:
            wraps = is_full_turn(source.metadata.xmp, source.shape)
            read = with_edges(read, source.shape, edges, default_threads(), wraps=wraps)
        if amounts != Amounts():
            read = stack.enter_context(relit(Lit(source.shape, read, behind, front.light), amounts, scratch, progress))
        starts = range(0, source.shape[0], BAND_ROWS)
        progress.stage("compose", len(starts))
        threads = stack.enter_context(ThreadPoolExecutor(default_threads()))
        # Pieces are read side by side where that takes nothing from around them.
        pieces = Pieces(threads, default_threads(), read=source.random_access and read is front.read)
        make = _bands_over(read, behind, front, image.dtype, progress, pieces)
        bands = stack.enter_context(prefetched(make, starts))
        write_atomically(output, output_format, replace(image, bands=bands))


# The name is that of an argument, too.
_background = background


def check(cutout: Path, output: Path, background: str | Path, original: Path | None) -> Wanted:
    """Return which background is wanted; raise TilerError if there is none, or `output` cannot be written later.

    cutout: need not be there yet. original: its picture.
    """
    output_format = _format_of(output)
    for path in (cutout, Path(background), *([original] if original else [])):
        check_place(output, output_format, path)
    return wanted_background(str(background), original)


def _checked_image(
    cutout: Path, output: Path, output_format: OutputFormat, source: Source, progress: Progress
) -> OutputImage:
    """Return what is to be written, its bands still missing; note what a person should know of the two files.

    Raises InputError if the cutout has no alpha, OutputError if the format cannot hold it.
    """
    for note in source.metadata.notes:
        progress.note(f"{cutout}: {note}")
    if not source.has_alpha:
        raise InputError(f"{cutout}: this picture has no alpha.", "Make a cutout of it first: tiler matte.")
    check_size(output, output_format, source.shape)
    image, notes = _output_image(output, output_format, source)
    for note in notes:
        progress.note(note)
    return image


def _amounts(wrap: float, match: float) -> Amounts:
    for name, value in (("--light-wrap", wrap), ("--match-light", match)):
        if not 0 <= value <= 1:
            raise SettingsError(f"{name} is {value}.", "Give a number from 0 to 1.")
    return Amounts(wrap, match)


def _bands_over(
    read: ReadBoth, behind: Background, front: Cutout, dtype: np.dtype[Any], progress: Progress, pieces: Pieces
) -> Callable[[int], NDArray[Any]]:
    """Return a function from the first row of a band to its pixels over `behind`, as `dtype`."""
    height, width = front.target.shape

    def band(start: int) -> NDArray[Any]:
        box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
        out = np.empty((*box.shape, 3), dtype)
        whole = None if pieces.read else read(box)
        # A picture is scaled a band at a time: pieces would differ in the last bit, and depend on the threads.
        back = behind.read(box)

        def piece(cols: Span) -> None:
            here = (slice(None), cols.slice)
            pixels, alpha = read(Box(box.rows, cols)) if whole is None else (whole[0][here], whole[1][here])
            if dtype == pixels.dtype:
                over(pixels, back[here], alpha, front.mixing.curve, out[here])
            else:
                out[here] = to_depth(over(pixels, back[here], alpha, front.mixing.curve), dtype)

        list(pieces.threads.map(piece, pieces.of(width)))
        progress.advance()
        return out

    return band


def _format_of(path: Path) -> OutputFormat:
    suffix = path.suffix.lower()
    if suffix not in OPAQUE_FORMATS:
        raise OutputError(
            f"{path}: {suffix or 'a name without an ending'} is no kind of file written here.",
            f"Let the name end in {', '.join(OPAQUE_FORMATS)}.",
        )
    return OPAQUE_FORMATS[suffix]


def _output_image(path: Path, output_format: OutputFormat, source: Source) -> tuple[OutputImage, tuple[str, ...]]:
    """Return what is to be written, its bands still missing, and a note for each thing that the format cannot hold."""
    dtype = source.dtype.name if source.dtype.name in output_format.dtypes else output_format.dtypes[-1]
    image = OutputImage(
        shape=source.shape,
        colour="rgb",
        # What is said of metadata is meant for pictures with colours.
        alpha="straight",
        dtype=np.dtype(dtype),
        metadata=source.metadata,
        bands=iter(()),
        compression="deflate",
        overviews=False,
        threads=default_threads(),
        scratch=path.resolve().parent,
    )
    image, notes = fitted(image, source, output_format)
    return replace(image, alpha=None), notes
