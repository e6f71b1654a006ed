"""One level of the pyramid: its samples in one plain file, row after row, with a checksum for each band of rows."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from tiler.core.geometry import Box
from tiler.errors import OutputError
from tiler.sealed import DamagedFileError, read_sealed, write_sealed

READ_BYTES = 16 * 2**20


class LevelFile:
    """The (height, width, samples) samples of one level, little-endian, in `path`; the checksums lie in `path`.sums.

    It is written from top to bottom once, through a `LevelWriter`, and then read in any window, from any thread and any
    process. Ordinary reads and writes, not a memory map: a full or failing disk is then an error, where a map ends the
    process, and pages of the file do not count as memory of the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        self.path = path
        self.shape = shape
        self.dtype = dtype.newbyteorder("<")
        self.row_bytes = shape[1] * shape[2] * dtype.itemsize
        self.nbytes = shape[0] * self.row_bytes

    @property
    def sums(self) -> Path:
        return self.path.with_name(f"{self.path.name}.sums")

    def read(self, box: Box) -> NDArray[Any]:
        """Return the (h, w, samples) samples of `box`. Raises OutputError if the file does not hold them."""
        _, width, samples = self.shape
        out = np.empty((*box.shape, samples), self.dtype)
        # Full rows lie one after the other.
        pieces = [out] if box.cols.size == width else list(out)
        at = box.rows.start * self.row_bytes + box.cols.start * samples * self.dtype.itemsize
        try:
            with self.path.open("rb", buffering=0) as file:
                for row, piece in enumerate(pieces):
                    file.seek(at + row * self.row_bytes)
                    _fill(file, piece.view(np.uint8).reshape(-1).data)
        except (FileNotFoundError, EOFError) as error:
            raise OutputError(
                f"{self.path}: this part of the work folder is missing or cut short.",
                "Give the same command again: the levels of the picture are made anew.",
            ) from error
        return out

    def is_whole(self) -> bool:
        """Return whether all samples are there and as they were written; reads the whole file."""
        try:
            sums = np.frombuffer(read_sealed(self.sums), np.uint64).reshape(-1, 2).tolist()
            stops = [0, *(stop for stop, _ in sums)]
            if stops[-1] != self.shape[0] or self.path.stat().st_size != self.nbytes:
                return False
            with self.path.open("rb", buffering=0) as file:
                bands = zip(pairwise(stops), sums, strict=True)
                return all(_crc(file, (stop - start) * self.row_bytes) == crc for (start, stop), (_, crc) in bands)
        except (FileNotFoundError, DamagedFileError, EOFError, ValueError):
            return False


class LevelWriter:
    """Writes a `LevelFile` from top to bottom: `append` its bands inside a `with`. Raises OSError."""

    def __init__(self, level: LevelFile) -> None:
        level.path.parent.mkdir(parents=True, exist_ok=True)
        self._level = level
        self._file = level.path.open("wb", buffering=0)
        self._sums: list[tuple[int, int]] = []
        self._rows = 0

    def __enter__(self) -> "LevelWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            write_sealed(self._level.sums, np.array(self._sums, np.uint64).tobytes())

    def append(self, band: NDArray[Any]) -> None:
        """Write (rows, width, samples) below what is there."""
        data = np.ascontiguousarray(band, self._level.dtype).view(np.uint8).reshape(-1).data
        self._rows += band.shape[0]
        self._sums.append((self._rows, isal_zlib.crc32(data)))
        while data.nbytes:
            data = data[self._file.write(data) :]


def _fill(file: Any, view: memoryview) -> None:
    while view.nbytes:
        count = file.readinto(view)
        if not count:
            raise EOFError
        view = view[count:]


def _crc(file: Any, size: int) -> int:
    """Return the CRC-32 of the next `size` bytes of `file`."""
    crc, buffer = 0, memoryview(bytearray(min(size, READ_BYTES)))
    while size:
        piece = buffer[: min(size, READ_BYTES)]
        _fill(file, piece)
        crc = isal_zlib.crc32(piece, crc)
        size -= piece.nbytes
    return crc
