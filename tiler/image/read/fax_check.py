"""Whether a strip of Group 4 fax (ITU-T T.6) holds all its rows.

The decoder stops at a code that makes no sense, and leaves the rows from there on white without an error. So a black
row is put where the strip must end: if the decoder finds it right behind the last row, it has read all rows before.
"""

import imagecodecs
import numpy as np

# The end of the block: two codes for the end of a line.
END = np.array(([0] * 11 + [1]) * 2, np.uint8).tobytes()
# A piece of a row, whatever the row above: horizontal mode, no white px, then a run of black.
NO_WHITE = "001" + "00110101"
BLACK_64, BLACK_1, BLACK_0 = "0000001111", "010", "0000110111"
# No code ends with more zeros, so these many at most belong to the codes where no end is stated.
MOST_ZEROS = 7


def check_fax_4(data: bytes, rows: int, width: int) -> None:
    """Raise ValueError unless `data`, whose first bit is the highest, holds `rows` rows of `width` px, and no more."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes()
    stop = bits.find(END)
    if stop >= 0:
        candidates = [stop]
    else:
        least = len(bits.rstrip(b"\0"))
        candidates = [least + more for more in range(min(MOST_ZEROS, len(bits) - least) + 1)]
    black = np.frombuffer(_black_row(width), np.uint8)
    for candidate in candidates:
        marked = np.packbits(np.concatenate([np.frombuffer(bits[:candidate], np.uint8), black])).tobytes()
        if imagecodecs.ccittfax4_decode(marked, rows + 1, width)[rows].all():
            return
    raise ValueError(f"not {rows} rows of fax")


def _black_row(width: int) -> bytes:
    """Return the bits, one a byte, of a black row and of the end of the block."""
    many, rest = divmod(width, 64)
    codes = NO_WHITE + BLACK_64 * many + BLACK_0 + (NO_WHITE + BLACK_1) * rest
    return bytes(map(int, codes)) + END
