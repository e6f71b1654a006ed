"""The header of a JPEG XL codestream: size, depth, further channels and colours (ISO 18181-1, annex D and E).

It is a bit field whose lowest bit comes first. A number is often two bits that choose one of four codes, each a number
of further bits and what is added to them.
"""

from dataclasses import dataclass
from typing import Literal

# How a codestream begins.
BARE = b"\xff\x0a"
# Bytes of the header, at most, without the names of channels; more are not looked at.
MOST_BYTES = 4096
# Width over height for each code of the size.
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# Kinds of further channels.
ALPHA, SPOT, BLACK, FILTER = 0, 2, 4, 5
GREY, XYB = 1, 2
CUSTOM = 2
CURVES: dict[int, Literal["linear", "srgb", "other"]] = {8: "linear", 13: "srgb"}
D65, PRIMARIES_709 = 1, 1

Code = tuple[int, int]
SIDE: tuple[Code, ...] = ((9, 1), (13, 1), (18, 1), (30, 1))
PREVIEW: tuple[Code, ...] = ((6, 1), (8, 65), (10, 321), (12, 1345))
PREVIEW_BY_8: tuple[Code, ...] = ((0, 16), (0, 32), (5, 1), (9, 33))
BITS: tuple[Code, ...] = ((0, 8), (0, 10), (0, 12), (6, 1))
FLOAT_BITS: tuple[Code, ...] = ((0, 32), (0, 16), (0, 24), (6, 1))
ENUM: tuple[Code, ...] = ((0, 0), (0, 1), (4, 2), (6, 18))
COORDINATE: tuple[Code, ...] = ((19, 0), (19, 524288), (20, 1048576), (21, 2097152))


@dataclass(frozen=True, slots=True)
class Header:
    """What a codestream says of itself.

    shape: (height, width) as stored, in pixels. bits: of a colour sample. animated: more
    than one frame may follow. alpha: the kind of its alpha. has_black: it is CMYK. grey: a pixel has one colour sample.
    orientation: how it lies, as in Exif. curve: of the samples, as far as it is stated. usual: its colours, but for the
    curve, are those of sRGB, or grey. has_more: there are channels besides these that the decoder does not show.
    """

    shape: tuple[int, int]
    bits: int = 8
    animated: bool = False
    alpha: Literal["straight", "associated"] | None = None
    has_black: bool = False
    grey: bool = False
    orientation: int = 1
    curve: Literal["linear", "srgb", "other"] = "srgb"
    usual: bool = True
    has_more: bool = False


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("its header is cut short")
        taken = self._number & ((1 << count) - 1)
        self._number >>= count
        return taken

    def chosen(self, codes: tuple[Code, ...]) -> int:
        count, add = codes[self.take(2)]
        return self.take(count) + add


def header_of(stream: bytes) -> Header:
    """Return the header of a codestream; raise ValueError if it is none or is cut short."""
    if not stream.startswith(BARE):
        raise ValueError("it has no size")
    bits = _Bits(stream[2 : 2 + MOST_BYTES])
    shape = _size(bits)
    if bits.take(1):  # all that follows is usual
        return Header(shape)
    orientation, animated = _frame(bits) if bits.take(1) else (1, False)
    depth = _depth(bits)
    bits.take(1)
    further = [_further(bits) for _ in range(bits.chosen(((0, 0), (0, 1), (4, 2), (12, 1))))]
    bits.take(1)  # whether the colours are stored as XYB, which the decoder undoes
    grey, curve, usual = _colours(bits)
    alphas = [associated for kind, associated in further if kind == ALPHA]
    alpha: Literal["straight", "associated"] = "associated" if alphas and alphas[0] else "straight"
    has_black = any(kind == BLACK for kind, _ in further)
    has_more = any(kind not in (ALPHA, SPOT, BLACK) for kind, _ in further) or len(alphas) > 1
    return Header(
        shape, depth, animated, alpha if alphas else None, has_black, grey, orientation, curve, usual, has_more
    )


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.chosen(SIDE)

    height = side()
    ratio = bits.take(3)
    width = side() if not ratio else height * RATIOS[ratio][0] // RATIOS[ratio][1]
    return height, width


def _frame(bits: _Bits) -> tuple[int, bool]:
    """Return the orientation and whether it is an animation; pass over what else is said of that."""
    orientation = bits.take(3) + 1
    if bits.take(1):
        _size(bits)
    if bits.take(1):
        side = PREVIEW_BY_8 if bits.take(1) else PREVIEW
        bits.chosen(side)
        if not bits.take(3):
            bits.chosen(side)
    if not bits.take(1):
        return orientation, False
    bits.chosen(((0, 100), (0, 1000), (10, 1), (30, 1)))
    bits.chosen(((0, 1), (0, 1001), (8, 1), (10, 1)))
    bits.chosen(((0, 0), (3, 0), (16, 0), (32, 0)))
    bits.take(1)
    return orientation, True


def _depth(bits: _Bits) -> int:
    """Return the bits of a sample."""
    is_float = bool(bits.take(1))
    depth = bits.chosen(FLOAT_BITS if is_float else BITS)
    if is_float:
        bits.take(4)
    return depth


def _further(bits: _Bits) -> tuple[int, bool]:
    """Return the kind of a further channel, and whether the colours are multiplied by it."""
    if bits.take(1):
        return ALPHA, False
    kind = bits.chosen(ENUM)
    _depth(bits)
    bits.chosen(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.take(8 * bits.chosen(((0, 0), (4, 0), (5, 16), (10, 48))))
    if kind == ALPHA:
        return kind, bool(bits.take(1))
    if kind == SPOT:  # four halves
        bits.take(64)
    elif kind == FILTER:
        bits.chosen(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind, False


def _colours(bits: _Bits) -> tuple[bool, Literal["linear", "srgb", "other"], bool]:
    """Return whether samples are grey, their curve, and whether the colours are usual."""
    if bits.take(1):
        return False, "srgb", True
    icc, space = bool(bits.take(1)), bits.chosen(ENUM)
    if icc or space == XYB:
        return space == GREY, "srgb", False
    white = bits.chosen(ENUM)
    if white == CUSTOM:
        _pass_coordinates(bits, 2)
    primaries = PRIMARIES_709
    if space != GREY:
        primaries = bits.chosen(ENUM)
        if primaries == CUSTOM:
            _pass_coordinates(bits, 6)
    curve: Literal["linear", "srgb", "other"] = "other"
    if bits.take(1):
        bits.take(24)  # a power
    else:
        curve = CURVES.get(bits.chosen(ENUM), "other")
    return space == GREY, curve, white == D65 and primaries == PRIMARIES_709


def _pass_coordinates(bits: _Bits, count: int) -> None:
    for _ in range(count):
        bits.chosen(COORDINATE)
