"""PNG, JPEG, WebP and turned or huge-stripped TIFF, read by libvips from top to bottom in bounded memory."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyvips

from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.limits import check_decodable, check_pixels
from tiler.image.metadata.jpeg import metadata_of_jpeg
from tiler.image.metadata.parse import dpi_in, iptc_in, upright_exif
from tiler.image.metadata.png import metadata_of_png
from tiler.image.read.jpeg_segments import without_stray_bytes
from tiler.image.read.orientation import TurnedSource, exchanges_sides
from tiler.image.read.several import pictures_in
from tiler.image.source import SAMPLES, Colour, Metadata, Pixels, Source

STRAY = "Bytes in its header belong to nothing and are passed over; its pixels are whole."
MM_PER_INCH = 25.4
DTYPES: dict[str, np.dtype[Any]] = {"uchar": np.dtype(np.uint8), "ushort": np.dtype(np.uint16)}

# The resolutions that libvips states where the file states none: one pixel per millimetre, or 72, a common default.
ASSUMED_DPI = (25.4, 72.0)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file whose header is sound, so that libvips may allocate as much as the header asks for.

    metadata: that of the upright picture. has_alpha: the sample after those of the colour is an alpha.
    """

    metadata: Metadata
    has_alpha: bool


def limit_vips_cache() -> None:
    """Switch off the cache of results of libvips, in the whole process.

    The readers are right with the cache and without it. A row is read once, so a cached result is never asked for
    again and only costs memory. The cache belongs to the process, so this is for the program that owns the process,
    such as the command line, and not for the library.
    """
    pyvips.cache_set_max(0)


def libvips_version() -> str:
    """Return the version of the libvips library that is in use."""
    return ".".join(str(pyvips.version(part)) for part in range(3))


class VipsSource:
    """A `Source` that libvips decodes: grey, RGB or CMYK as stored in the file, from top to bottom.

    Samples beyond those of colour and alpha are dropped. Colours that are multiplied by their alpha are divided by it.

    No operation of libvips is applied to the image. An operation would enter the cache of libvips, and would keep the
    file open, or its decoded copy on disk, after `close`.
    """

    def __init__(self, path: Path, image: pyvips.Image, known: "Known") -> None:
        self._path = path
        self._has_alpha = known.has_alpha
        self._lock = Lock()
        self._metadata = known.metadata
        self._dtype: np.dtype[Any] = DTYPES[image.format]
        self._colour: Colour = _colour_of(image)
        self._image = image

    @property
    def shape(self) -> tuple[int, int]:
        return self._image.height, self._image.width

    @property
    def colour(self) -> Colour:
        return self._colour

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def metadata(self) -> Metadata:
        return self._metadata

    @property
    def has_alpha(self) -> bool:
        return self._has_alpha

    @property
    def random_access(self) -> bool:
        return False

    def read(self, box: Box) -> Pixels:
        """Return the (h, w, samples) pixels of `box`, below those read before; raise InputError where damaged."""
        height, width = box.shape
        try:
            with self._lock:
                region = pyvips.Region.new(self._image)
                data = region.fetch(box.cols.start, box.rows.start, width, height)
        except pyvips.Error as error:
            raise _damaged(self._path, error) from error
        pixels = np.frombuffer(data, self._dtype).reshape(height, width, self._image.bands)
        pixels = pixels[..., : SAMPLES[self._colour] + self.has_alpha]
        return np.ascontiguousarray(pixels)

    def close(self) -> None:
        del self._image


def open_file(path: Path, max_pixels: int, _scratch: Path | None = None, *, known: Known | None = None) -> Source:
    """Open `path`; raise InputError if its header is damaged or it is of a kind that is not read yet.

    known: what another reader, which knows more of the file than libvips, has found in it.
    """
    checked = known is not None
    mended = without_stray_bytes(path)
    try:
        image = _opened(path, "sequential", checked, mended)
        check_pixels(path, (image.height, image.width), max_pixels)
        _check_whole(path, image)
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        if orientation != 1:
            # Turning needs rows in another order: libvips unpacks the picture to a temporary file first.
            image = _opened(path, "random", checked, mended)
    except pyvips.Error as error:
        raise _damaged(path, error) from error
    if image.format not in DTYPES:
        raise InputError(f"{path}: pixels of kind {image.format} are not read.", "Save it with 8 or 16 bit colours.")
    if known is None:
        further = image.bands > SAMPLES[_colour_of(image)]
        metadata = _metadata_of(path, image, exchanges_sides(orientation))
        if mended:
            metadata = replace(metadata, notes=(*metadata.notes, STRAY))
        known = Known(metadata, further)
    source = VipsSource(path, image, known)
    if orientation == 1:
        return source
    return TurnedSource(source, orientation, source.metadata, random_access=False)


def _check_whole(path: Path, image: pyvips.Image) -> None:
    """Raise InputError if the file can only be decoded as a whole, and that would take too much memory."""
    needs_whole = image.get_typeof("interlaced") or image.get("vips-loader") in ("webpload_source", "gifload_source")
    if not needs_whole:
        return
    kinds = {"jpegload_source": "a progressive JPEG", "pngload_source": "an interlaced PNG"}
    kind = kinds.get(image.get("vips-loader"), "a picture of this format")
    # A progressive JPEG keeps two bytes for each sample until its last pass.
    check_decodable(path, image.width * image.height * image.bands * 3 * (2 if image.format == "ushort" else 1), kind)


def _colour_of(image: pyvips.Image) -> Colour:
    if image.interpretation == "cmyk" and image.bands >= SAMPLES["cmyk"]:
        return "cmyk"
    return "rgb" if image.bands >= SAMPLES["rgb"] else "grey"


def _opened(path: Path, access: str, unlimited: bool, mended: bytes | None) -> pyvips.Image:
    # Through a source, because in a plain file name libvips takes brackets for options: photo[1].jpg. As bytes, because
    # a name need not be text.
    file = pyvips.Source.new_from_memory(mended) if mended else pyvips.Source.new_from_file(os.fsencode(path))
    options = {"unlimited": True} if unlimited else {}
    return pyvips.Image.new_from_source(file, "", access=access, fail_on="warning", **options)


def _metadata_of(path: Path, image: pyvips.Image, on_its_side: bool) -> Metadata:
    def field(name: str) -> bytes | None:
        return bytes(image.get(name)) if image.get_typeof(name) else None

    x, y = image.xres * MM_PER_INCH, image.yres * MM_PER_INCH
    dpi = dpi_in(field("exif-data")) if round(x, 1) == round(y, 1) and round(x, 1) in ASSUMED_DPI else (x, y)
    if dpi and on_its_side:
        dpi = dpi[1], dpi[0]
    pages = image.get("n-pages") if image.get_typeof("n-pages") else pictures_in(path)
    notes = () if pages == 1 else (f"The first of {pages} pictures is read.",)
    png, jpeg = metadata_of_png(path), metadata_of_jpeg(path)
    return Metadata(
        icc=field("icc-profile-data"),
        dpi=dpi,
        exif=upright_exif(field("exif-data")),
        # What libvips returns for a JPEG has extended XMP, headers included, behind the packet.
        xmp=jpeg.xmp or png.xmp or field("xmp-data"),
        iptc=iptc_in(field("iptc-data")) or png.iptc,
        notes=(*notes, *png.notes, *jpeg.notes),
        texts=png.texts or jpeg.texts,
        png_colour=png.colour,
    )


def _damaged(path: Path, error: pyvips.Error) -> InputError:
    detail = (error.detail.strip().splitlines() or [error.message])[0]
    return InputError(
        f"{path}: the picture is damaged or cut short ({detail}).", "Copy it again from where it came from."
    )
