"""A cutout over a new background, from file to file, at any size."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import remove_stale
from tiler.core.compositing import Curve, over, srgb_curve
from tiler.core.edges import halo_of
from tiler.core.geometry import Box, Span
from tiler.edge import Edge, edges_of
from tiler.errors import InputError, OutputError, SettingsError
from tiler.image.background import Background, Fit, Target, background, check_background
from tiler.image.clean_colours import ReadBoth
from tiler.image.colour import profile_colour, to_srgb
from tiler.image.depth import to_depth, to_steps
from tiler.image.edged import with_edges
from tiler.image.icc import curve_of
from tiler.image.metadata.gpano import is_full_turn
from tiler.image.open import open_source
from tiler.image.prefetch import prefetched
from tiler.image.pyramid import build
from tiler.image.source import BAND_ROWS, Pixels, Source
from tiler.image.write.export import check_place, check_size, write_atomically
from tiler.image.write.fitting import fitted
from tiler.image.write.formats import OPAQUE_FORMATS, OutputFormat
from tiler.image.write.output import OutputImage
from tiler.progress import Progress, logged
from tiler.settings import MOST_PIXELS, default_threads


def compose(
    cutout: str | Path,
    output: str | Path,
    background: str | Path,
    *,
    fit: Fit = "cover",
    gamma: bool = False,
    edge: Sequence[str] = (),
    progress: Progress | None = None,
) -> None:
    """Write `output`, the picture `cutout` over a background.

    cutout: a picture with alpha, such as `tiler.matte` writes. output: its ending gives the format: .tif, .tiff, .png,
    .jpg, .jpeg, .webp, .exr or .zarr. It has the size, the depth, the profile and the metadata of the cutout, as far as
    its format can hold them, and no alpha. It appears complete or not at all.
    background: a colour, as its name in CSS or #rrggbb; or the file of a picture, converted into the profile of the
    cutout. fit: how a picture fills the cutout: "cover" it, be "contain"ed in it before black, or "tile" it.
    gamma: mix the samples as they are, as many editors do, and not the light that they mean. edge: changes of the edge
    of the cutout, in their order, such as "shrink:1"; as for `--edge`. progress: receives stages and notes.

    Raises TilerError: SettingsError, InputError or OutputError.
    """
    cutout, output, progress = Path(cutout), Path(output), logged(progress)
    if fit not in get_args(Fit):
        raise SettingsError(f"--fit is {fit!r}.", f"Choose one of: {', '.join(get_args(Fit))}.")
    edges = edges_of(edge)
    check(cutout, output, background)
    output_format = OPAQUE_FORMATS[output.suffix.lower()]
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_source(cutout)))
        for note in source.metadata.notes:
            progress.note(f"{cutout}: {note}")
        if not source.has_alpha:
            raise InputError(f"{cutout}: this picture has no alpha.", "Make a cutout of it first: tiler matte.")
        check_size(output, output_format, source.shape)
        image, notes = _output_image(output, output_format, source)
        for note in notes:
            progress.note(note)
        scratch = output.resolve().parent
        remove_stale(output)
        read = stack.enter_context(_cutout(source, edges, scratch, progress))
        composition = Composition(cutout, source, read, gamma, progress)
        behind = stack.enter_context(
            _background(str(background), composition.target, fit, scratch, MOST_PIXELS, progress)
        )
        starts = range(0, source.shape[0], BAND_ROWS)
        progress.stage("compose", len(starts))
        bands = stack.enter_context(prefetched(composition.bands_over(behind, image.dtype), starts))
        write_atomically(output, output_format, replace(image, bands=bands))


@contextmanager
def _cutout(source: Source, edges: Sequence[Edge], scratch: Path, progress: Progress) -> Iterator[ReadBoth]:
    """Give a function from a box to the colours and the alpha of the cutout, with its edge changed.

    scratch: a directory for the samples of a cutout that can be read but once, if they are needed more often.
    """
    with ExitStack() as stack:
        read = source.read
        if halo_of(edges) and not source.random_access:
            folder = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".cutout-"))
            read = build(source, [source.shape], Path(folder), progress).native

        def read_both(box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
            samples = read(box)
            return samples[..., :-1], to_steps(samples[..., -1])

        wraps = is_full_turn(source.metadata.xmp, source.shape)
        yield with_edges(read_both, source.shape, edges, default_threads(), wraps=wraps) if edges else read_both


def check(cutout: Path, output: Path, background: str | Path) -> None:
    """Raise OutputError or InputError if `output` cannot be written later, or the background is none.

    cutout: need not be there yet.
    """
    output_format = _format_of(output)
    for path in (cutout, Path(background)):
        check_place(output, output_format, path)
    check_background(str(background))


# The name is that of an argument, too.
_background = background


@dataclass
class Composition:
    """A cutout that is laid over something."""

    path: Path
    source: Source
    read: ReadBoth
    gamma: bool
    progress: Progress

    def __post_init__(self) -> None:
        """Find the profile and the curve of the samples that are mixed, and say what is not as asked for."""
        source, icc = self.source, self.source.metadata.icc
        is_light = source.dtype.kind == "f"
        if source.colour != "rgb":
            self.progress.note(f"{self.path}: The colours are converted to sRGB from {source.colour}.")
        keeps = source.colour == "rgb" and not is_light and icc is not None and profile_colour(icc) == "rgb"
        self.target = Target(source.shape, source.dtype, icc if keeps else None)
        self.curve: Curve | None = None
        if is_light and self.gamma:
            self.progress.note(f"{self.path}: The samples are light already, and are mixed as such.")
        if not is_light and not self.gamma:
            self.curve = curve_of(self.target.icc)
            if self.curve is None:
                self.progress.note(f"{self.path}: The profile states no curves; those of sRGB are used for the mixing.")
                self.curve = srgb_curve()

    def bands_over(self, behind: Background, dtype: np.dtype[Any]) -> Callable[[int], NDArray[Any]]:
        """Return a function from the first row of a band to its pixels over `behind`, as `dtype`."""
        height, width = self.source.shape

        def band(start: int) -> NDArray[Any]:
            box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
            pixels, alpha = self.read(box)
            self.progress.advance()
            return to_depth(over(self._rgb(pixels), behind.read(box), alpha, self.curve), dtype)

        return band

    def _rgb(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self.source.colour == "rgb":
            return pixels
        if self.source.colour == "grey":
            return np.repeat(pixels, 3, axis=2)
        return to_depth(to_srgb(pixels, self.source.colour, self.source.metadata.icc), self.source.dtype)


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
