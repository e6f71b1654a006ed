"""The finished file: the colours of the source with the alpha, or the alpha alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tiler.atomic import atomic_directory, atomic_file
from tiler.checksum import content_sha256, sha256_of_open
from tiler.core.geometry import Box, Span
from tiler.edge import Edge, edges_of
from tiler.errors import OutputError
from tiler.image.clean_colours import ReadBoth, with_clean_colours
from tiler.image.colour import to_srgb
from tiler.image.depth import alpha_to_depth, premultiplied, to_depth
from tiler.image.edged import with_edges
from tiler.image.own_alpha import OPAQUE, split, times
from tiler.image.prefetch import prefetched
from tiler.image.source import BAND_ROWS, Colour, Pixels, Source
from tiler.image.write.fitting import fitted
from tiler.image.write.formats import OUTPUT_FORMATS, OutputFormat
from tiler.image.write.output import AlphaKind, OutputImage
from tiler.image.write.zarr import is_ours
from tiler.progress import Progress
from tiler.settings import Compression, Settings

# What compression makes of noise, at worst: codes of 12 bits for bytes, and stored blocks.
LZW_GROWTH, DEFLATE_GROWTH = 1.5, 1.001
# Headers, and the tables of tiles.
ENVELOPE_BYTES = 2**16
MULTIPLIED = "The picture's own alpha is multiplied into the result, its colours kept; --ignore-alpha leaves it out."
BEYOND_WHITE = "The picture's light goes beyond 0..1; the network sees it cut to that range, the output keeps it."
CUT = "The picture's light goes beyond 0..1; it is cut to that range."
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jfif")


def check_output(path: Path, settings: Settings, source: Path) -> None:
    """Raise OutputError if `path` cannot be written later; call it before any work is done.

    source: the picture to be read, which is never overwritten.
    """
    check_place(path, _checked_format(path, _request(path, settings)), source)


def check_place(path: Path, output_format: OutputFormat, source: Path) -> None:
    """Raise OutputError if nothing can be written at `path`, or `source` would be overwritten."""
    if output_format.folder:
        _check_ours(path)
    elif path.is_dir():
        raise OutputError(f"{path}: this is a directory.", "Name a file in it, such as cutout.tif.")
    if output_format.folder and path.is_file():
        raise OutputError(
            f"{path}: this is a file, and {output_format.name} is written as a directory.", "Name another place."
        )
    directory = path.resolve().parent
    if not directory.is_dir():
        raise OutputError(f"{path}: there is no directory {directory}.", "Make it, or name another place.")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: you may not write in {directory}.", "Name another place, or change its mode.")
    if path.exists() and source.exists() and path.samefile(source):
        raise OutputError(f"{path}: this is the picture itself.", "Name another file for the output.")


def check_holds(path: Path, source: Source, settings: Settings, progress: Progress) -> None:
    """Raise OutputError if the format that `path` names cannot hold the picture; note what it loses in it.

    Call it before any work is done: the writer is given the metadata here, so that it cannot fail on it later.
    """
    check_size(path, OUTPUT_FORMATS[path.suffix.lower()], source.shape)
    for note in _output_image(OUTPUT_FORMATS[path.suffix.lower()], source, _request(path, settings))[1]:
        progress.note(note)


def check_size(path: Path, output_format: OutputFormat, shape: tuple[int, int]) -> None:
    """Raise OutputError if the format cannot hold a picture of `shape` (height, width)."""
    height, width = shape
    if max(height, width) > output_format.most_px:
        raise OutputError(
            f"{path}: {output_format.name} ends at {output_format.most_px} px a side; "
            f"the picture is {width} x {height} px.",
            "Write a .tif instead.",
        )


def most_bytes(path: Path, source: Source, settings: Settings) -> int:
    """Return the most bytes that the output `path` of `source` can have."""
    image, _ = _output_image(OUTPUT_FORMATS[path.suffix.lower()], source, _request(path, settings))
    # Formats with tiles pad the picture to whole ones.
    area = prod(-(-side // BAND_ROWS) * BAND_ROWS for side in image.shape)
    grows = LZW_GROWTH if image.compression == "lzw" else DEFLATE_GROWTH
    pixels = area * image.samples * image.dtype.itemsize * (4 / 3 if image.overviews else 1)
    metadata = sum(len(block or b"") for block in (image.metadata.icc, image.metadata.exif, image.metadata.xmp))
    return round(pixels * grows) + 2 * metadata + ENVELOPE_BYTES


def export(
    path: Path,
    source: Source,
    read: Callable[[Box], Pixels],
    read_alpha: Callable[[Box], NDArray[np.uint16]],
    settings: Settings,
    progress: Progress,
    before_rename: Callable[[], None] = lambda: None,
    *,
    wraps: bool = False,
) -> str:
    """Write `path`, the picture with its alpha or the alpha alone, as the settings say, and return its sha256.

    It appears complete or not at all. The sha256 is taken before it appears, so it is that of what was written here.

    source: what the picture is. read: box to its (h, w, samples) pixels, as the source has them. read_alpha: box to
    (h, w), uint16, 65535 = foreground. If the picture has an alpha already, the product of the two is written. Where
    the alpha is between the two ends, the colours are those of the foreground, unless the picture is transparent in
    places, or the settings ask for its own. All others are written bit for bit if the format can hold the colours of
    the source at their depth; else they are converted to sRGB, as the network saw them, or to a depth that the format
    holds. Metadata is written where it is true of the output and where the format has a place for it; `check_holds`
    says what is not. A link at `path` stays, and the file that it leads to is written. before_rename: is called when
    all is written, and nothing is put in place if it raises. wraps: the left and right ends of the picture meet.

    Raises OutputError if the disk refuses.
    """
    output_format = OUTPUT_FORMATS[path.suffix.lower()]
    height, width = source.shape
    starts = range(0, height, BAND_ROWS)
    request = _request(path, settings)
    image, _ = _output_image(output_format, source, request)
    notes: set[str] = set()
    if image.alpha or source.has_alpha:
        read_both = _colours_and_alpha(source, read, read_alpha, image, notes)
    else:
        read_both = _alpha_alone(read_alpha)
    if image.alpha and request.clean:
        clean = with_clean_colours(read_both, source.shape, source.dtype, request.threads, progress)
        # What is transparent already has colours of its own, and what lies under it is no background.
        read_both = read_both if MULTIPLIED in notes else clean
    if request.edges:
        spread = request.clean and image.alpha is not None
        read_both = with_edges(read_both, source.shape, request.edges, request.threads, wraps=wraps, spread=spread)

    def band(start: int) -> NDArray[Any]:
        box = Box(Span(start, min(start + BAND_ROWS, height)), Span(0, width))
        progress.advance()
        pixels, alpha = read_both(box)
        if image.alpha:
            return _with_alpha(image, source, pixels, alpha[..., None])
        return np.repeat(alpha_to_depth(alpha[..., None], image.dtype), image.samples, axis=2)

    progress.stage("write", len(starts))
    with prefetched(band, starts) as bands:
        sha256 = write_atomically(path, output_format, replace(image, bands=bands), before_rename)
    for note in sorted(notes):
        progress.note(f"{path}: {note}")
    return sha256


@dataclass(frozen=True, slots=True)
class _Request:
    """What the settings ask of the output."""

    alpha_only: bool
    bits: Literal[8, 16] | None
    clean: bool
    edges: tuple[Edge, ...]
    premultiplied: bool
    compression: Compression
    overviews: bool
    threads: int
    scratch: Path


def _request(path: Path, settings: Settings) -> _Request:
    """Return what the settings ask of the output; settings are read here and nowhere else in this room."""
    return _Request(
        alpha_only=settings.output.alpha_only,
        bits=settings.output.bits,
        clean=settings.output.colours == "clean",
        edges=edges_of(settings.output.edge),
        premultiplied=settings.output.premultiplied,
        compression=settings.output.compression,
        overviews=settings.output.pyramid,
        threads=settings.compute.thread_count,
        scratch=settings.run.work_dir or path.absolute().parent,
    )


def _checked_format(path: Path, request: _Request) -> OutputFormat:
    """Return the format that the name of `path` asks for; raise OutputError if it cannot hold what is requested."""
    suffix = path.suffix.lower()
    remedy = f"Let the name end in {', '.join(OUTPUT_FORMATS)}."
    if suffix in JPEG_SUFFIXES:
        why = "would blur the alpha" if request.alpha_only else "cannot hold alpha"
        raise OutputError(f"{path}: a JPEG {why}.", remedy)
    if suffix not in OUTPUT_FORMATS:
        raise OutputError(f"{path}: {suffix or 'a name without an ending'} is no kind of file written here.", remedy)
    output_format = OUTPUT_FORMATS[suffix]
    if request.premultiplied and "premultiplied" not in output_format.alphas:
        raise OutputError(f"{path}: {output_format.name} has no premultiplied alpha.", "Write a .tif, or do without.")
    if request.bits and f"uint{request.bits}" not in output_format.dtypes:
        raise OutputError(f"{path}: {output_format.name} has no {request.bits} bits a channel.", "Leave --bits out.")
    return output_format


def _output_image(
    output_format: OutputFormat, source: Source, request: _Request
) -> tuple[OutputImage, tuple[str, ...]]:
    """Return what is to be written, its bands still missing, and a note for each thing that the format cannot hold."""
    wanted = f"uint{request.bits}" if request.bits else source.dtype.name
    dtype = np.dtype(wanted if wanted in output_format.dtypes else output_format.dtypes[-1])
    alpha: AlphaKind | None
    if request.alpha_only:
        colour: Colour = "grey" if "grey" in output_format.colours else "rgb"
        alpha = None
    else:
        colour = source.colour if source.colour in output_format.colours else "rgb"
        alpha = "premultiplied" if request.premultiplied else output_format.alphas[0]
    image = OutputImage(
        shape=source.shape,
        colour=colour,
        alpha=alpha,
        dtype=dtype,
        metadata=source.metadata,
        bands=iter(()),
        compression=request.compression,
        overviews=request.overviews,
        threads=request.threads,
        scratch=request.scratch,
    )
    image, notes = fitted(image, source, output_format)
    if alpha and source.colour == "cmyk" and colour != "cmyk":
        converted = (
            f"{output_format.name} holds no CMYK; the colours are converted to sRGB. A .tif keeps them as they are."
        )
        notes = (converted, *notes)
    return image, notes


def _colours_and_alpha(
    source: Source,
    read: Callable[[Box], Pixels],
    read_alpha: Callable[[Box], NDArray[np.uint16]],
    image: OutputImage,
    notes: set[str],
) -> ReadBoth:
    """Return a function that reads a box of the picture's colours and of the alpha times its own; add to `notes`."""

    def read_both(box: Box) -> tuple[Pixels, NDArray[np.uint16]]:
        alpha = read_alpha(box)
        pixels, own = split(read(box), source)
        if own is not None and (own != OPAQUE).any():
            alpha = times(alpha, own[..., 0])
            notes.add(MULTIPLIED)
        if pixels.dtype == np.float32 and not ((pixels >= 0) & (pixels <= 1)).all():
            notes.add(BEYOND_WHITE if image.dtype.kind == "f" else CUT)
        return pixels, alpha

    return read_both


def _alpha_alone(read_alpha: Callable[[Box], NDArray[np.uint16]]) -> ReadBoth:
    """Return a function that reads the alpha of a box, and no samples."""
    return lambda box: (np.empty((*box.shape, 0), np.uint8), read_alpha(box))


def _with_alpha(image: OutputImage, source: Source, pixels: NDArray[Any], alpha: NDArray[np.uint16]) -> NDArray[Any]:
    """Return (h, w, samples) pixels of the source with (h, w, 1) alpha, as the output image has them."""
    if image.colour != source.colour:
        pixels = to_srgb(pixels, source.colour, source.metadata.icc)
    pixels = to_depth(pixels, image.dtype)
    if image.alpha == "premultiplied":
        pixels = premultiplied(pixels, alpha)
    both = np.empty((*pixels.shape[:2], pixels.shape[2] + 1), image.dtype)
    # Sample by sample, NumPy copies four times as fast as pixel by pixel.
    for sample in range(pixels.shape[2]):
        both[..., sample] = pixels[..., sample]
    both[..., -1:] = alpha_to_depth(alpha, image.dtype)
    return both


def write_atomically(
    path: Path, output_format: OutputFormat, image: OutputImage, before_rename: Callable[[], None] = lambda: None
) -> str:
    """Write the image, which appears complete or not at all, and return its sha256; as `export` says."""
    path = path.resolve()
    if output_format.folder:
        _check_ours(path)
        with atomic_directory(path) as folder:
            output_format.write(folder, image)
            sha256 = content_sha256(folder)
            before_rename()
    else:
        with atomic_file(path) as file:
            output_format.write(file, image)
            sha256 = sha256_of_open(file)
            before_rename()
    return sha256


def _check_ours(path: Path) -> None:
    """Raise OutputError if there is a directory `path` that is not a store of this program."""
    if path.is_dir() and not is_ours(path):
        raise OutputError(f"{path}: this is a directory that is not tiler's.", "Name another place for the output.")
