"""What `tiler info` prints: how a file was understood and how it will be read."""

from contextlib import closing
from io import BytesIO
from pathlib import Path

from PIL import ImageCms

from tiler.image.limits import needed_bytes, size_of
from tiler.image.open import format_of, open_source
from tiler.image.read.in_memory import InMemorySource
from tiler.image.read.orientation import TurnedSource
from tiler.image.source import SAMPLES

DEPTHS = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float, linear light"}


def describe(path: str | Path) -> str:
    """Return aligned lines of text on the picture `path` and how it will be read; raise InputError."""
    path = Path(path)
    with closing(open_source(path)) as source:
        height, width = source.shape
        metadata = source.metadata
        memory, scratch = needed_bytes(source)
        how = (
            "decoded whole, in a process of its own" if isinstance(source, InMemorySource) else "in any order, in parts"
        )
        if not source.random_access:
            how = "from top to bottom, by way of scratch files"
        blocks = [name for name in ("exif", "xmp", "iptc") if getattr(metadata, name)]
        lines = [
            ("file", str(path)),
            ("format", format_of(path).name),
            ("size", f"{width} x {height} px, {width * height / 1e6:.1f} megapixels"),
            ("colour", f"{source.colour}, {SAMPLES[source.colour]} x {DEPTHS[source.dtype.name]}"),
            ("alpha", "its own; the result is multiplied by it" if source.has_alpha else "none"),
            ("profile", profile_name(metadata.icc) if metadata.icc else "none"),
            ("resolution", f"{metadata.dpi[0]:.4g} x {metadata.dpi[1]:.4g} dpi" if metadata.dpi else "none"),
            ("metadata", ", ".join(blocks).upper() or "none"),
            ("read", how),
            ("needs", f"{size_of(memory)} of memory besides the network, {size_of(scratch)} of scratch disk"),
        ]
        orientation = source.orientation if isinstance(source, TurnedSource | InMemorySource) else 1
        if orientation != 1:
            lines.append(("orientation", f"{orientation} in the file, turned upright"))
        lines += [("note", note) for note in metadata.notes]
    return "\n".join(f"{name:<12}{text}" for name, text in lines)


def profile_name(icc: bytes) -> str:
    """Return the description that an ICC profile gives of itself."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc))).strip() or "without a name"
    except (ImageCms.PyCMSError, OSError):
        return f"unreadable, {len(icc)} bytes"
