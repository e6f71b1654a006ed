"""What was understood of a picture, for people."""

from contextlib import closing
from io import BytesIO
from pathlib import Path

from PIL import ImageCms

from tiler.image.limits import GB, needed_bytes
from tiler.image.open import format_of, open_source
from tiler.image.read.in_memory import InMemorySource, TurnedSource
from tiler.image.read.vips import VipsSource
from tiler.image.source import SAMPLES

DEPTHS = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float, linear light"}


def describe(path: str | Path) -> str:
    """Return a few aligned lines on the picture `path` and how it will be read; raises InputError."""
    path = Path(path)
    with closing(open_source(path)) as source:
        height, width = source.shape
        kept = source.metadata
        memory, scratch = needed_bytes(source)
        how = "decoded whole, in memory" if isinstance(source, InMemorySource) else "in any order, in parts"
        if not source.random_access:
            how = "from top to bottom, by way of scratch files"
        blocks = [name for name in ("exif", "xmp", "iptc") if getattr(kept, name)]
        lines = [
            ("file", str(path)),
            ("format", format_of(path).name),
            ("size", f"{width} x {height} px, {width * height / 1e6:.1f} megapixels"),
            ("colour", f"{source.colour}, {SAMPLES[source.colour]} x {DEPTHS[source.dtype.name]}"),
            ("profile", profile_name(kept.icc) if kept.icc else "none"),
            ("resolution", f"{kept.dpi[0]:.4g} x {kept.dpi[1]:.4g} dpi" if kept.dpi else "none"),
            ("metadata", ", ".join(blocks).upper() or "none"),
            ("read", how),
            ("needs", f"{memory / GB:.1f} GB of memory besides the network, {scratch / GB:.1f} GB of scratch disk"),
        ]
        orientation = source.orientation if isinstance(source, TurnedSource | VipsSource | InMemorySource) else 1
        if orientation != 1:
            lines.append(("orientation", f"{orientation} in the file, turned upright"))
        lines += [("note", note) for note in kept.notes]
    return "\n".join(f"{name:<12}{text}" for name, text in lines)


def profile_name(icc: bytes) -> str:
    """Return what a profile calls itself."""

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc))).strip() or "without a name"
    except (ImageCms.PyCMSError, OSError):
        return f"unreadable, {len(icc)} bytes"
