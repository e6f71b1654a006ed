"""Small files that end in a checksum: what is damaged is found when it is read, and never taken for data."""

import zlib
from pathlib import Path

from tiler.atomic import atomic_file, replace_bytes

CHECKSUM_BYTES = 4
# Where the CRC-32 begins: from 0, four bytes of nothing would be a whole file.
START = 0x74696C65


class DamagedFileError(ValueError):
    """A file whose checksum is not that of its bytes."""


def write_sealed(path: Path, payload: bytes, *, durable: bool = False) -> None:
    """Write `payload` and its CRC-32 (ISO 3309, from `START`) to `path`, which appears complete or not at all.

    durable: it is on the disk when this returns, for a file that a marker speaks for, or that is a marker itself;
    OutputError if the disk refuses. Else a power cut may tear it, which `read_sealed` finds; OSError if it refuses.
    """
    data = payload + _checksum(payload)
    if durable:
        with atomic_file(path) as file:
            file.write(data)
    else:
        replace_bytes(path, data)


def read_sealed(path: Path) -> bytes:
    """Return the payload of `path`. Raises FileNotFoundError, DamagedFileError, or another OSError of the disk."""
    data = path.read_bytes()
    payload, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if len(checksum) < CHECKSUM_BYTES or _checksum(payload) != checksum:
        raise DamagedFileError(f"{path}: its checksum is wrong")
    return payload


def is_whole(path: Path) -> bool:
    """Return whether `path` is there and undamaged."""
    try:
        read_sealed(path)
    except (FileNotFoundError, DamagedFileError):
        return False
    return True


def _checksum(payload: bytes) -> bytes:
    return zlib.crc32(payload, START).to_bytes(CHECKSUM_BYTES, "little")
