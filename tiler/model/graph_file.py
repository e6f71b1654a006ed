"""A frozen TensorFlow graph: read from its file, and its weights unpacked."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tiler.errors import ModelError
from tiler.model.graph_ops import check_operations


def read_graph(path: Path) -> tuple[Any, str]:
    """Return the GraphDef in the file `path`, and the sha256 of the very bytes it was read from.

    Raises ModelError if the file cannot be read, holds no graph, or one with an operation that is not allowed.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.framework.graph_pb2 import GraphDef

    remedy = "Give a directory with a frozen TensorFlow graph, or fetch the model again."
    try:
        content = path.read_bytes()
        graph = GraphDef.FromString(content)
    except OSError as error:
        raise ModelError(f"{path}: the network cannot be read: {error.strerror}.", remedy) from error
    except DecodeError as error:
        raise ModelError(f"{path}: this is not a frozen TensorFlow graph.", remedy) from error
    if not graph.node:
        raise ModelError(f"{path}: this file holds no network.", remedy)
    check_operations(graph, path)
    return graph, sha256(content).hexdigest()


def unpack_weights(graph: Any) -> None:
    """Replace, in the GraphDef `graph`, every weight that is kept small by the float32 constant it stands for.

    Such a weight is a constant that Cast turns into float32, and Mul by a constant may scale. TensorFlow folds these
    itself, but not the large ones, and its quickest convolutions want constants.
    """
    from tensorflow.core.framework.types_pb2 import DT_FLOAT
    from tensorflow.python.framework.tensor_util import MakeNdarray

    nodes = {node.name: node for node in graph.node}

    def constants(node: Any) -> list[Any] | None:
        inputs = [nodes.get(name.removesuffix(":0")) for name in node.input]
        if any(i is None or i.op != "Const" for i in inputs):
            return None
        return [MakeNdarray(i.attr["value"].tensor) for i in inputs if i is not None]

    for node in graph.node:
        if node.op == "Cast" and node.attr["DstT"].type == DT_FLOAT and (values := constants(node)):
            _become_constant(node, values[0].astype(np.float32))
        elif node.op == "Mul" and node.attr["T"].type == DT_FLOAT and (values := constants(node)):
            _become_constant(node, values[0] * values[1])


def _become_constant(node: Any, value: Any) -> None:
    from tensorflow.python.framework.tensor_util import make_tensor_proto

    dtype = make_tensor_proto(value)
    node.op = "Const"
    del node.input[:]
    node.attr.clear()
    node.attr["value"].tensor.CopyFrom(dtype)
    node.attr["dtype"].type = dtype.dtype
