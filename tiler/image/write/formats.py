"""The formats of the output: what each can hold, and its writer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tiler.image.source import Colour
from tiler.image.write import exr, jpeg, png, tiff, webp, zarr
from tiler.image.write.output import AlphaKind, OutputImage


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format of the output and what it can hold.

    write: takes a file that is open for writing and reading, or for a `folder` the path of a directory to make or
    another Zarr store, and the output image. colours, dtypes: what the format can hold; the last dtype replaces one
    that it cannot hold. alphas: the kinds of alpha; the first is the default. holds: the fields of the metadata that it
    has a place for. holds_place_on_earth: whether that is so for the tags of GeoTIFF, which are among the Exif.
    most_px: longest side in pixels. folder: the output is a directory.
    """

    name: str
    write: Callable[[Any, OutputImage], None]
    colours: tuple[Colour, ...]
    dtypes: tuple[str, ...]
    alphas: tuple[AlphaKind, ...] = ("straight",)
    holds: tuple[str, ...] = ("icc", "dpi", "exif", "xmp", "iptc")
    holds_place_on_earth: bool = False
    most_px: int = 2**31 - 1
    folder: bool = False


TIFF = OutputFormat(
    "TIFF",
    tiff.write,
    ("rgb", "grey", "cmyk"),
    ("uint8", "uint16", "float32"),
    alphas=("straight", "premultiplied"),
    holds_place_on_earth=True,
)
# The formats by the ending of the name of the output.
OUTPUT_FORMATS = {
    ".tif": TIFF,
    ".tiff": TIFF,
    ".png": OutputFormat(
        "PNG",
        png.write,
        ("rgb", "grey"),
        ("uint8", "uint16"),
        holds=("icc", "dpi", "exif", "xmp", "iptc", "texts", "png_colour"),
    ),
    ".webp": OutputFormat("WebP", webp.write, ("rgb",), ("uint8",), holds=("icc", "dpi", "exif", "xmp"), most_px=16383),
    ".exr": OutputFormat(
        "OpenEXR", exr.write, ("rgb", "grey"), ("float16",), alphas=("premultiplied",), holds=("dpi",)
    ),
    ".zarr": OutputFormat(
        "Zarr",
        zarr.write,
        ("rgb", "grey", "cmyk"),
        ("uint8", "uint16", "float32"),
        alphas=("straight", "premultiplied"),
        holds=("icc", "dpi", "exif", "xmp", "iptc", "texts", "png_colour"),
        folder=True,
    ),
}
JPEG = OutputFormat("JPEG", jpeg.write, ("rgb",), ("uint8",), holds=("icc", "dpi", "exif", "xmp"), most_px=jpeg.MOST_PX)
# Those for pictures without alpha.
OPAQUE_FORMATS = {**OUTPUT_FORMATS, ".jpg": JPEG, ".jpeg": JPEG}
