"""Small pictures in many layouts, and a source that is an array."""

from dataclasses import dataclass, field

import numpy as np
import tifffile
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tiler.core.geometry import Box, Span
from tiler.image.source import Metadata
from tiler.image.write.output import OutputImage

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def soft_disc(shape):
    """Return the alpha of a disc with a soft edge, 65535 = foreground."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y - shape[0] / 2, x - shape[1] / 2) - min(shape) / 4
    return np.rint(np.clip(0.5 - distance / 8, 0, 1) * 65535).astype(np.uint16)


def own(pixels):
    """Return grey or RGB(A) pixels as a source gives them: (h, w, 1), (h, w, 3), or (h, w, 4)."""
    return pixels[..., None] if pixels.ndim == 2 else pixels


@st.composite
def boxes(draw, shape):
    rows, cols = (
        sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)).filter(lambda p: p[0] != p[1]))) for n in shape
    )
    return Box(Span(*rows), Span(*cols))


@st.composite
def tiff_layouts(draw):
    """Keywords for `write_tiff`: depth, samples, planes, byte order, compression, tiles or strips."""
    samples = draw(st.sampled_from([1, 3, 4]))
    compression = draw(st.sampled_from([None, "zlib", "lzw", "zstd", "packbits"]))
    segments = st.one_of(
        st.builds(lambda h, w: {"tile": (16 * h, 16 * w)}, st.integers(1, 3), st.integers(1, 3)),
        st.builds(lambda rows: {"rowsperstrip": rows}, st.integers(1, 70)),
    )
    return {
        "dtype": draw(st.sampled_from([np.uint8, np.uint16])),
        "samples": samples,
        "planarconfig": draw(st.sampled_from(["contig", "separate"])) if samples > 1 else None,
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
        "compression": compression,
        "predictor": draw(st.booleans()) if compression not in (None, "packbits") else None,
        **draw(segments),
    }


def write_tiff(path, shape, *, dtype=np.uint8, samples=3, planarconfig=None, byteorder="<", bigtiff=False, **more):
    """Write noise as a TIFF and return it as (h, w) or (h, w, samples)."""
    pixels = noise(shape if samples == 1 else (*shape, samples), dtype)
    planar = planarconfig == "separate"
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=bigtiff) as tiff:
        tiff.write(
            np.moveaxis(pixels, 2, 0) if planar else pixels,
            **{
                "photometric": "minisblack" if samples == 1 else "rgb",
                "planarconfig": planarconfig,
                "extrasamples": ["unassalpha"] if samples == 4 else None,
                "metadata": None,
                **more,
            },
        )
    return pixels


def png16(path, pixels):
    """Write (h, w, 3 or 4) uint16 pixels as a PNG with the writer of libvips."""
    import pyvips

    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="rgb16")
    image.pngsave(str(path), bitdepth=16)


def output_image(
    pixels,
    colour="rgb",
    alpha="straight",
    metadata=Metadata(),  # noqa: B008
    band_rows=512,
    *,
    compression="deflate",
    overviews=False,
):
    """Return (h, w, samples) pixels as an output image."""
    return OutputImage(
        shape=pixels.shape[:2],
        colour=colour,
        alpha=alpha,
        dtype=pixels.dtype,
        metadata=metadata,
        bands=(pixels[start : start + band_rows] for start in range(0, pixels.shape[0], band_rows)),
        compression=compression,
        overviews=overviews,
        threads=2,
        scratch=None,
    )


def jpeg(path, pixels, **more):
    Image.fromarray(pixels).save(path, "JPEG", quality=95, **more)


@dataclass
class ArraySource:
    """A source in memory; without random access it checks that it is read from top to bottom."""

    pixels: np.ndarray
    random_access: bool = True
    metadata: Metadata = field(default_factory=Metadata)
    next_row: int = 0
    has_alpha: bool = False

    @property
    def shape(self):
        return self.pixels.shape[:2]

    @property
    def dtype(self):
        return self.pixels.dtype

    @property
    def colour(self):
        return {1: "grey", 3: "rgb", 4: "cmyk"}[self.pixels.shape[2] - self.has_alpha]

    def read(self, box):
        if not self.random_access:
            assert box.rows.start == self.next_row, "each row once, from top to bottom"
            self.next_row = box.rows.stop
        return self.pixels[box.slices]

    def close(self): ...
