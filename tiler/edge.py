"""What is done to the edge of a matte, as a person says it: shrink, feather or choke, with numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from tiler.errors import SettingsError

EdgeKind = Literal["shrink", "feather", "choke"]
KINDS: dict[str, EdgeKind] = {kind: kind for kind in get_args(EdgeKind)}
# Wider than any edge that a person wants gone or soft; more costs time for each pixel.
MOST_PX = 100


@dataclass(frozen=True, slots=True)
class Edge:
    """One change of the edge.

    shrink: the edge moves inwards by numbers[0] pixels. feather: it is blurred by a Gaussian of sigma numbers[0]
    pixels. choke: alpha numbers[0]..numbers[1] becomes 0..1.
    """

    kind: EdgeKind
    numbers: tuple[float, ...]


def edges_of(texts: Iterable[str]) -> tuple[Edge, ...]:
    """Return the changes that "shrink:PX", "feather:PX" or "choke:A,B" name, in their order; raises SettingsError."""
    return tuple(map(_edge, texts))


def _edge(text: str) -> Edge:
    named, _, rest = text.partition(":")
    try:
        numbers = tuple(float(part) for part in rest.split(","))
    except ValueError:
        numbers = ()
    kind = KINDS.get(named)
    if kind == "choke" and len(numbers) == 2 and 0 <= numbers[0] < numbers[1] <= 1:
        return Edge(kind, numbers)
    if kind in ("shrink", "feather") and len(numbers) == 1 and 0 < numbers[0] <= MOST_PX:
        return Edge(kind, numbers)
    raise SettingsError(
        f"--edge is {text!r}.",
        f"Give shrink:PX or feather:PX, with more than 0 and at most {MOST_PX} pixels, or choke:A,B with "
        "0 <= A < B <= 1.",
    )
