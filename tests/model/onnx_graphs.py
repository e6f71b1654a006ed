"""Small ONNX networks with the contracts of real ones: each computes a known alpha from what it is fed as specified.

The alpha is that of the picture in RGB, red less half of blue, and a ramp over the rows: a wrong order of channels, a
wrong layout, mean, std or scale, and a squash that is none all change it.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def known_alpha(rgb):
    """Return the alpha, 0..1, that a stand-in computes from (h, w, 3) RGB pixels, 0..255."""
    share = rgb / np.float32(255)
    return (0.25 + 0.5 * share[..., 0] - 0.25 * share[..., 2]).astype(np.float32)


def stand_in(
    *,
    layout="nchw",
    channels="rgb",
    scale=1.0,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    sides=(None, None),
    gives="alpha",
    dtype=TensorProto.FLOAT,
    names=("input", "output"),
):
    """Return the ModelProto that undoes mean, std and scale and computes `known_alpha`.

    gives: "alpha", "logits" of it, "two logits" of background and alpha, or "pixels", alpha up to 255.
    """
    axis = 1 if layout == "nchw" else 3
    per_channel = (1, 3, 1, 1) if layout == "nchw" else (1, 1, 1, 3)
    order = slice(None) if channels == "rgb" else slice(None, None, -1)
    weights = np.array([0.5, 0, -0.25], np.float32)[order].reshape(per_channel)
    arrays = {
        "mean": np.asarray(mean, np.float32).reshape(per_channel),
        "std": np.asarray(std, np.float32).reshape(per_channel) / np.float32(scale),
        "shift": np.asarray(mean, np.float32).reshape(per_channel) / np.float32(scale),
        "weights": weights,
        "quarter": np.float32(0.25),
        "one": np.float32(1),
        "white": np.float32(255),
        "axes": np.array([axis], np.int64),
    }
    del arrays["mean"]
    nodes = [
        helper.make_node("Cast", [names[0]], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["share"]),
        helper.make_node("Mul", ["share", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "axes"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "quarter"], ["alpha"]),
        *(helper.make_node(*node) for node in ENDS[gives]),
    ]
    if gives == "two logits":
        nodes.append(helper.make_node("Concat", ["none", "logits"], ["end"], axis=axis))
    nodes.append(helper.make_node("Cast", ["end"], [names[1]], to=dtype))
    size = [1, 3, *sides] if layout == "nchw" else [1, *sides, 3]
    ends = [None] * 4
    return model_of(nodes, arrays, (names[0], size), (names[1], ends), dtype=dtype)


ENDS = {
    "alpha": [("Identity", ["alpha"], ["end"])],
    "pixels": [("Mul", ["alpha", "white"], ["end"])],
    "logits": [
        ("Sub", ["one", "alpha"], ["rest"]),
        ("Div", ["alpha", "rest"], ["odds"]),
        ("Log", ["odds"], ["end"]),
    ],
    "two logits": [
        ("Sub", ["one", "alpha"], ["rest"]),
        ("Div", ["alpha", "rest"], ["odds"]),
        ("Log", ["odds"], ["logits"]),
        ("Sub", ["logits", "logits"], ["none"]),
    ],
}


def model_of(nodes, arrays, given, answer, *, dtype=TensorProto.FLOAT, more_inputs=(), domains=(), functions=()):
    """Return a ModelProto; `given` and `answer` are (name, shape), None in a shape where any size goes."""

    def value(name, shape):
        named = [f"{name}_{k}" if size is None else size for k, size in enumerate(shape)]
        return helper.make_tensor_value_info(name, dtype, named)

    graph = helper.make_graph(
        nodes,
        "stand-in",
        [value(*given), *(value(*one) for one in more_inputs)],
        [value(*answer)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))


def simple(*nodes, given=(1, 3, None, None), **more):
    """Return the ModelProto of `nodes` from "input" to "output"."""
    return model_of(list(nodes), {}, ("input", list(given)), ("output", [None] * 4), **more)


def saved(path, model):
    """Write `model` to the file `path` and return that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString() if isinstance(model, onnx.ModelProto) else model)
    return path
