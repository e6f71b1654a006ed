"""Zarr out: OME-NGFF multiscales, for pictures too large for every other format."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from tiler.image.metadata.build import exif_block
from tiler.image.source import BAND_ROWS
from tiler.image.write.output import OutputImage
from tiler.image.write.overviews import Cascade, Sink, overview_shapes

CHUNK_PX = BAND_ROWS
SAMPLE_NAMES = {"rgb": ("red", "green", "blue"), "grey": ("grey",), "cmyk": ("cyan", "magenta", "yellow", "black")}


def write(folder: Path, image: OutputImage) -> None:
    """Write the image as a Zarr group of (samples, height, width) arrays, each half the size of the one before.

    The attributes of the group follow OME-NGFF 0.5; the metadata is in the attribute "tiler", in base64.
    """
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


def _append_to(array: zarr.Array[Any]) -> Sink:
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
            "omero": {"channels": [{"label": name, "active": True} for name in names]},
        },
        "tiler": {
            "alpha": image.alpha,
            "dpi": metadata.dpi,
            **{name: b64encode(block).decode() for name, block in blocks.items() if block},
        },
    }
