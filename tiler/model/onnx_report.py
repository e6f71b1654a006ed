"""What in an ONNX graph bears on tiling."""

from typing import Any

from tiler.model.graph_report import GraphReport
from tiler.model.onnx_file import nodes_of

# They bring each channel of the whole picture, or each group of channels, to mean 0 and variance 1.
NORMALISING = frozenset({"GroupNorm", "GroupNormalization", "InstanceNormalization", "SkipGroupNorm"})
POOLING = frozenset({"GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "QLinearGlobalAveragePool"})


def onnx_report(model: Any) -> GraphReport:
    """Return what in `model`, a ModelProto, bears on tiling: normalising and pooling over the whole input."""
    constants = {
        node.output[0]: attribute.t
        for node in nodes_of(model)
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    } | {weight.name: weight for weight in model.graph.initializer}
    nodes = list(nodes_of(model))
    means = [node for node in nodes if node.op_type == "ReduceMean" and _axes(node, constants) in ({2, 3}, {-1, -2})]
    return GraphReport(
        normalisations=sum(node.op_type in NORMALISING for node in nodes),
        poolings=sum(node.op_type in POOLING for node in nodes) + len(means),
    )


def _axes(node: Any, constants: dict[str, Any]) -> set[int] | None:
    """Return the axes over which a node reduces: an attribute up to opset 17, an input since then."""
    from onnx.numpy_helper import to_array

    for attribute in node.attribute:
        if attribute.name == "axes":
            return set(attribute.ints)
    if len(node.input) > 1 and node.input[1] in constants:
        return {int(axis) for axis in to_array(constants[node.input[1]]).ravel()}
    return None
