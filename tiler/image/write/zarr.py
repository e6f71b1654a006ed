"""Zarr out: OME-NGFF multiscales, for pictures too large for every other format."""

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tiler.image.metadata.build import exif_block
from tiler.image.source import BAND_ROWS
from tiler.image.write.output import OutputImage
from tiler.image.write.overviews import Cascade, Sink, overview_shapes

if TYPE_CHECKING:
    import zarr

CHUNK_PX = BAND_ROWS
SAMPLE_NAMES = {"rgb": ("red", "green", "blue"), "grey": ("grey",), "cmyk": ("cyan", "magenta", "yellow", "black")}
# The colours in which a viewer shows each sample by itself.
SAMPLE_COLOURS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
SAMPLE_COLOURS |= {"cyan": "00FFFF", "magenta": "FF00FF", "yellow": "FFFF00"}
WHITE = "FFFFFF"
# The attribute of the group that holds what OME-NGFF has no place for, and says whose store it is.
OURS = "tiler"


def write(folder: Path | dict[str, Any], image: OutputImage) -> None:
    """Write the image as a Zarr group of (samples, height, width) arrays, each half the size of the one before.

    The attributes of the group follow OME-NGFF 0.5; the metadata is in the attribute "tiler", in base64.
    """
    import zarr  # most runs write no store, and the library takes a while to load

    shapes = [image.shape, *overview_shapes(image.shape, CHUNK_PX)]
    names = [*SAMPLE_NAMES[image.colour], *(["alpha"] if image.alpha else [])]
    group = zarr.create_group(folder, attributes=_attributes(image, shapes, names))
    arrays = [
        group.create_array(
            str(level),
            shape=(image.samples, *shape),
            chunks=(1, CHUNK_PX, CHUNK_PX),
            dtype=image.dtype,
            dimension_names=("c", "y", "x"),
        )
        for level, shape in enumerate(shapes)
    ]
    cascade = Cascade([_append_to(array) for array in arrays])
    for band in image.bands:
        cascade.push(band)
    cascade.close()


def is_ours(folder: Path) -> bool:
    """Return whether `folder` is a store that this program has written."""
    try:
        stated = json.loads((folder / "zarr.json").read_bytes())
        return OURS in stated["attributes"]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _append_to(array: "zarr.Array[Any]") -> Sink:
    """Return a function that writes each band below the one before."""
    top = 0

    def push(band: NDArray[Any]) -> None:
        nonlocal top
        array[:, top : top + band.shape[0]] = np.moveaxis(band, 2, 0)
        top += band.shape[0]

    return push


def _attributes(image: OutputImage, shapes: list[tuple[int, int]], names: list[str]) -> dict[str, Any]:
    metadata = image.metadata
    exif = exif_block(metadata, image.shape)
    blocks = {"icc": metadata.icc, "exif": exif, "xmp": metadata.xmp, "iptc": metadata.iptc}
    blocks |= {kind.decode("latin-1"): content for kind, content in metadata.png_colour}
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, image.shape[0] / shape[0], image.shape[1] / shape[1]]}
            ],
        }
        for level, shape in enumerate(shapes)
    ]
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [{"name": "matte", "axes": axes, "datasets": datasets}],
            "omero": {"channels": [_channel(name, image.dtype) for name in names]},
        },
        OURS: {
            "alpha": image.alpha,
            "dpi": metadata.dpi,
            "texts": metadata.texts,
            **{name: b64encode(block).decode() for name, block in blocks.items() if block},
        },
    }


def _channel(name: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return how a viewer shows a sample, with all that the schema of OME-NGFF 0.5 requires."""
    white = 1.0 if dtype.kind == "f" else int(np.iinfo(dtype).max)
    window = {"min": 0, "start": 0, "end": white, "max": white}
    return {"label": name, "active": True, "color": SAMPLE_COLOURS.get(name, WHITE), "window": window}
