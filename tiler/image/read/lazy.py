"""A finished output as a lazy Dask array, all samples with the alpha among them."""

import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tiler.errors import InputError
from tiler.image.read.in_memory import library


def open_lazily(path: Path) -> Any:
    """Return the picture in `path` as a Dask array: (height, width, samples), or (height, width) for one sample.

    path: a TIFF or Zarr, whose chunks are read when they are computed; a PNG or WebP, which is decoded as a whole
    then; or an OpenEXR, which is decoded now. Raises InputError if there is no such file.
    """
    import dask.array
    import zarr
    from dask.delayed import delayed

    da: Any = dask.array

    if not path.exists():
        raise InputError(f"{path}: there is no such file.", "It was moved or removed after it was written.")
    suffix = path.suffix.lower()
    if suffix == ".zarr":
        stored = zarr.open_array(path / "0", mode="r")
        picture = da.moveaxis(da.from_array(stored, chunks=stored.chunks), 0, -1)
    elif suffix in (".tif", ".tiff"):
        store = tifffile.imread(path, aszarr=True, level=0)
        stored = zarr.open_array(store, mode="r")
        # The file stays open for as long as an array may be computed from it.
        weakref.finalize(stored, store.close)
        picture = da.from_array(stored, chunks=stored.chunks)
    elif suffix == ".exr":
        picture = da.from_array(_exr(path), chunks=-1)
    else:
        image = _image(path)
        dtype = np.dtype(np.uint16 if image.format == "ushort" else np.uint8)
        picture = da.from_delayed(delayed(_decoded)(path), (image.height, image.width, image.bands), dtype)
    return picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture


def _image(path: Path) -> Any:
    import pyvips

    # By way of a source: in a plain file name libvips takes brackets for options.
    return pyvips.Image.new_from_source(pyvips.Source.new_from_file(os.fsencode(path)), "")


def _decoded(path: Path) -> NDArray[Any]:
    image = _image(path)
    return np.asarray(image.numpy()).reshape(image.height, image.width, image.bands)


def _exr(path: Path) -> NDArray[Any]:
    openexr: Any = library(path, "OpenEXR", "exr", "OpenEXR picture")
    with openexr.File(str(path), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    return np.stack([channels[name] for name in "RGBYA" if name in channels], axis=2)
