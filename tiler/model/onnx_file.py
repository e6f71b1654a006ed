"""An ONNX file: read, and refused where it holds more than what computes an answer from pixels.

Such a file is a program, as a TensorFlow graph is. The operations that ONNX itself defines compute; an operation of
another domain is code of somebody's own. Weights that lie in other files have no part in the sha256 of this one.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tiler.errors import ModelError

ONNX = ("", "ai.onnx")

# Operations of onnxruntime's own domain, com.microsoft, that its optimiser and its quantiser write into files.
MICROSOFT = """
    Attention BiasAdd BiasGelu BiasSplitGelu ConvTransposeWithDynamicPads DequantizeLinear DynamicQuantizeMatMul
    FastGelu FusedConv FusedGemm FusedMatMul Gelu GemmFastGelu GridSample GroupNorm Inverse MatMulInteger16
    MatMulIntegerToFloat MatMulNBits MultiHeadAttention NhwcConv NhwcFusedConv NhwcMaxPool QAttention QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
    QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu SkipGroupNorm
    SkipLayerNormalization SkipSimplifiedLayerNormalization
"""
COMPUTING = frozenset(MICROSOFT.split())

RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


def read_onnx(path: Path) -> tuple[Any, bytes, str]:
    """Return the ModelProto in the file `path`, the bytes it was read from, and their sha256.

    Raises ModelError if the file cannot be read, is no ONNX file, keeps weights in other files, or holds an operation
    that is not allowed.
    """
    onnx = _load_onnx()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        content = path.read_bytes()
        model = onnx.ModelProto.FromString(content)
    except OSError as error:
        raise ModelError(
            f"{path}: the network cannot be read: {error.strerror}.", "Check the path, or fetch the model again."
        ) from error
    except DecodeError as error:
        raise ModelError(f"{path}: this is not an ONNX file, or a part of it is missing.", "Fetch it again.") from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(f"{path}: this file holds no network.", "Fetch it again.")
    _check_weights(model, path)
    _check_operations(onnx, model, path)
    return model, content, sha256(content).hexdigest()


def inputs_of(model: Any) -> list[Any]:
    """Return what the graph has to be fed: its inputs, less those that it has weights for."""
    known = {weight.name for weight in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in known]


def sizes_of(value: Any) -> list[int | None]:
    """Return the size of each axis of an input or output; None where the graph takes any, or does not say."""
    shape = value.type.tensor_type.shape
    return [one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else None for one in shape.dim]


def nodes_of(model: Any) -> Iterator[Any]:
    """Yield every node, those in the branches of conditions and loops and in the file's own functions included."""
    for holder in (model.graph, *model.functions):
        yield from _nodes_in(holder)


def _nodes_in(holder: Any) -> Iterator[Any]:
    for node in holder.node:
        yield node
        for graph in _graphs_in(node):
            yield from _nodes_in(graph)


def _graphs_in(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(model: Any) -> Iterator[Any]:
    graphs = [model.graph, *(graph for node in nodes_of(model) for graph in _graphs_in(node))]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes_of(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _check_weights(model: Any, path: Path) -> None:
    """Raise ModelError if a tensor names another file as the place of its numbers."""
    for tensor in _tensors(model):
        if tensor.external_data or tensor.data_location:
            where = next((entry.value for entry in tensor.external_data if entry.key == "location"), "another file")
            raise ModelError(
                f"{path}: this file keeps weights in another file, {where}; it is not run.",
                "Its author can save it as one file: onnx.save(onnx.load(FILE), ONE_FILE).",
            )


def _check_operations(onnx: Any, model: Any, path: Path) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for domain, name in sorted(own):
        if domain in ONNX:
            raise _refused(path, name, domain, "whose meaning the file would change")
    for node in nodes_of(model):
        if (node.domain, node.op_type) in own or (node.domain == "com.microsoft" and node.op_type in COMPUTING):
            continue
        if node.domain not in ONNX:
            raise _refused(path, node.op_type, node.domain, "which ONNX does not define")
        if node.op_type in RANDOM:
            raise _refused(path, node.op_type, node.domain, "which answers differently every time")
        if not onnx.defs.has(node.op_type, ""):
            raise _refused(path, node.op_type, node.domain, "which ONNX does not define")


def _refused(path: Path, operation: str, domain: str, why: str) -> ModelError:
    place = f" of the domain {domain}" if domain not in ONNX else ""
    return ModelError(
        f"{path}: this graph holds the operation {operation}{place}, {why}; it is not run.",
        "A matting network needs no such operation: take the graph from its author, or export it for inference again. "
        "If yours does need it, please report the name of the operation.",
    )


def _load_onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise missing(error) from error
    return onnx


def missing(error: ImportError) -> ModelError:
    """Return the error that says how to install what runs ONNX files."""
    return ModelError(
        f"This network is an ONNX file, and what runs it cannot be loaded: {error}.",
        "Install it with: pip install 'tiler-matting[onnx]' (or [onnx-gpu], for an NVIDIA card)",
    )
