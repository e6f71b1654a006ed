"""What a graph holds that bears on tiling: whatever makes its answer depend on more than a pixel's surroundings.

Networks that normalise over the whole picture answer differently for different tiles of it, which is a known root of
visible seams (Buglakova et al., "Tiling artifacts and trade-offs of feature normalization in the segmentation of
large biological images", ICCV 2025).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RESIZES = frozenset({"ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor"})

# Height and width among the axes of (batch, rows, cols, channels), (batch, channels, rows, cols), (rows, cols, c).
SPATIAL_AXES = (frozenset({1, 2}), frozenset({2, 3}), frozenset({0, 1}), frozenset({-3, -2}), frozenset({-2, -1}))


@dataclass(frozen=True, slots=True)
class GraphReport:
    """What bears on tiling in one graph.

    fixed_resizes: (name, height, width) of every resize to a size that is written into the graph.
    person_gates: names of tensors that say whether there is a person at all.
    normalisations: how many nodes bring a whole picture's features to mean 0 and variance 1.
    poolings: how many nodes average over the whole picture otherwise.
    """

    fixed_resizes: tuple[tuple[str, int, int], ...] = ()
    person_gates: tuple[str, ...] = ()
    normalisations: int = 0
    poolings: int = 0

    def sentences(self) -> tuple[str, ...]:
        """Return one plain sentence for each thing that the graph holds; none at all means fit for tiles."""
        said = [
            f"It resizes to {height}x{width} px inside ({name}), so detail finer than that cannot come from there."
            for name, height, width in self.fixed_resizes
        ]
        said += [
            f"It decides whether there is a person ({name}); a tile may come back empty." for name in self.person_gates
        ]
        if self.normalisations:
            said.append(
                f"It normalises over the whole input in {_times(self.normalisations)}; neighbouring tiles may disagree."
            )
        if self.poolings:
            said.append(f"It pools over the whole input in {_times(self.poolings)}; neighbouring tiles may disagree.")
        return tuple(said)


def graph_report(graph: Any) -> GraphReport:
    """Return what in `graph`, a GraphDef or anything with its `node` field, bears on tiling.

    A mean over height and width counts as normalisation if a squared difference takes it up, and else, unless it is
    the mean of such squares, as pooling.
    """
    nodes = {node.name: node for node in graph.node}
    squares = {node.name for node in graph.node if node.op == "SquaredDifference"}
    centred = {source for name in squares for source in _sources(nodes[name], nodes)}
    means = [node for node in graph.node if node.op == "Mean" and _is_spatial(node, nodes)]
    variances = {node.name for node in means if _sources(node, nodes)[0] in squares}
    normalising = {node.name for node in means if node.name in centred}
    training = [n for n in graph.node if n.op.startswith("FusedBatchNorm") and n.attr["is_training"].b]
    return GraphReport(
        fixed_resizes=tuple(_fixed_resizes(nodes)),
        person_gates=tuple(node.name for node in graph.node if node.name.split("/")[-1] == "if_person"),
        normalisations=len(normalising) + len(training),
        poolings=len(means) - len(normalising | variances),
    )


def _fixed_resizes(nodes: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    for node in nodes.values():
        if node.op in RESIZES:
            size = _integers(nodes.get(_bare(node.input[1])))
            if size is not None and len(size) == 2:
                yield node.name, size[0], size[1]


def _is_spatial(mean: Any, nodes: dict[str, Any]) -> bool:
    axes = _integers(nodes.get(_bare(mean.input[1])))
    return axes is not None and frozenset(axes) in SPATIAL_AXES


def _sources(node: Any, nodes: dict[str, Any]) -> list[str]:
    """Return the names of the nodes that feed `node`, looking through those that only pass a value on."""
    found = []
    for name in map(_bare, node.input):
        while name in nodes and nodes[name].op in ("Identity", "StopGradient"):
            name = _bare(nodes[name].input[0])
        found.append(name)
    return found


def _integers(node: Any) -> tuple[int, ...] | None:
    """Return the whole numbers in a constant of 32 bits; None for anything else."""
    if node is None or node.op != "Const":
        return None
    tensor = node.attr["value"].tensor
    count = 1
    for dim in tensor.tensor_shape.dim:
        count *= dim.size
    if tensor.tensor_content:
        if len(tensor.tensor_content) != 4 * count:
            return None
        return struct.unpack(f"<{count}i", tensor.tensor_content)
    values = tuple(tensor.int_val)
    return values * count if len(values) == 1 else values or None


def _bare(name: str) -> str:
    return name.removeprefix("^").split(":")[0]


def _times(count: int) -> str:
    return "1 place" if count == 1 else f"{count} places"
