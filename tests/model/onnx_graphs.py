"""Small ONNX networks with the contracts of real ones: each computes a known alpha from what it is fed as specified.

The alpha is red less half of blue: a wrong order of channels, a wrong layout, mean, std or scale all change it. One
that is `whole` also knows where in what it is fed a pixel lies, and the mean green and the aspect of that: so a wrong
fit and what lies beside the picture change it too. One with a trimap gives that alpha where nothing is known, and what
is known elsewhere, so that a wrong number for one of the three changes it too.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def known_alpha(rgb):
    """Return the alpha, 0..1, that a stand-in computes from (h, w, 3) RGB pixels, 0..255."""
    share = rgb / np.float32(255)
    return (0.25 + 0.5 * share[..., 0] - 0.25 * share[..., 2]).astype(np.float32)


def whole_alpha(alpha, row, col, green, aspect):
    """Return the alpha of a `whole` stand-in: where the middle of a pixel lies, and the mean green, are in 0..1.

    aspect: width by height of what it is fed.
    """
    return 0.5 * alpha + 0.1 * row + 0.1 * col + 0.3 * green + 0.04 * aspect


def known_detail(rgb, hint):
    """Return what a stand-in with a trimap computes; hint: (h, w) of 0, 0.5 and 1."""
    return np.where(hint == 0.5, known_alpha(rgb), hint).astype(np.float32)


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
    answer_dtype=None,
    names=("input", "output"),
    whole=False,
    answer_size=1.0,
    more_outputs=0,
    trimap=None,
    own_tensor=None,
):
    """Return the ModelProto that undoes mean, std and scale and computes `known_alpha`, or `whole_alpha`.

    gives: "alpha", "logits" of it, "two logits" of background and alpha, or "pixels", alpha up to 255. answer_size: of
    its sides, as a share of those of the input. more_outputs: how many other answers come after the alpha. trimap:
    three numbers, for a network that takes one as the fourth channel, or in `own_tensor`, and computes `known_detail`.
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
    guess = "guess" if trimap else "the alpha"
    nodes = [
        helper.make_node("Cast", [names[0]], ["all" if trimap and not own_tensor else "x"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["share"]),
        helper.make_node("Mul", ["share", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "axes"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "quarter"], ["local" if whole or answer_size != 1 else guess]),
        *(_whole(layout, arrays, "all of it" if answer_size != 1 else guess) if whole else []),
        *(_smaller(arrays, answer_size, "all of it" if whole else "local") if answer_size != 1 else []),
        *(helper.make_node(*node) for node in ENDS[gives]),
    ]
    if trimap:
        told, arrays = told_by(trimap, arrays)
        nodes[1:1] = [
            helper.make_node("Cast", [own_tensor], ["numbers"], to=TensorProto.FLOAT)
            if own_tensor
            else helper.make_node("Split", ["all", "sizes"], ["x", "numbers"], axis=axis)
        ]
        at = next(k for k, node in enumerate(nodes) if "guess" in node.output) + 1
        nodes[at:at] = told
    if gives == "two logits":
        nodes.append(helper.make_node("Concat", ["none", "logits"], ["end"], axis=axis))
    answer_dtype = answer_dtype or dtype
    nodes.append(helper.make_node("Cast", ["end"], [names[1]], to=answer_dtype))
    count = 4 if trimap and not own_tensor else 3
    size, plane = ([1, n, *sides] if layout == "nchw" else [1, *sides, n] for n in (count, 1))
    more = [(own_tensor, plane)] if own_tensor else []
    ends = (names[1], [None] * 4)
    model = model_of(nodes, arrays, (names[0], size), ends, dtype=dtype, answer_dtype=answer_dtype, more_inputs=more)
    for k in range(more_outputs):
        model.graph.node.append(helper.make_node("Sub", ["x", "x"], [f"other {k}"]))
        model.graph.output.append(helper.make_tensor_value_info(f"other {k}", TensorProto.FLOAT, [None] * 4))
    return model


def _whole(layout, arrays, name):
    """Return the nodes from "local" to what `whole_alpha` says."""
    axes = {"row": layout.index("h"), "col": layout.index("w")}
    arrays.update({side: np.array(axis, np.int64) for side, axis in axes.items()})
    arrays["green"] = np.array([0, 3, 0], np.float32).reshape((1, 3, 1, 1) if layout == "nchw" else (1, 1, 1, 3))
    arrays |= {"half": np.float32(0.5), "tenth": np.float32(0.1), "thirds": np.float32(0.3), "some": np.float32(0.04)}
    nodes = [
        helper.make_node("Mul", ["local", "half"], ["sum 0"]),
        helper.make_node("Mul", ["share", "green"], ["greens"]),
        helper.make_node("ReduceMean", ["greens"], ["mean green"], keepdims=1),
        helper.make_node("Mul", ["mean green", "thirds"], ["of green"]),
        helper.make_node("Add", ["sum 0", "of green"], ["sum 1"]),
        helper.make_node("Sub", ["local", "local"], ["none"]),
        helper.make_node("Add", ["none", "one"], ["ones"]),
    ]
    for k, side in enumerate(axes, start=1):
        nodes += [
            helper.make_node("CumSum", ["ones", side], [f"{side} count"]),
            helper.make_node("ReduceMax", [f"{side} count"], [f"{side} most"], keepdims=1),
            helper.make_node("Sub", [f"{side} count", "half"], [f"{side} middle"]),
            helper.make_node("Div", [f"{side} middle", f"{side} most"], [f"{side} share"]),
            helper.make_node("Mul", [f"{side} share", "tenth"], [f"of {side}"]),
            helper.make_node("Add", [f"sum {k}", f"of {side}"], [f"sum {k + 1}"]),
        ]
    return [
        *nodes,
        helper.make_node("Div", ["col most", "row most"], ["aspect"]),
        helper.make_node("Mul", ["aspect", "some"], ["of aspect"]),
        helper.make_node("Add", ["sum 3", "of aspect"], [name]),
    ]


def _smaller(arrays, size, name):
    arrays["sizes"] = np.array([1, 1, size, size], np.float32)
    return [helper.make_node("Resize", [name, "", "sizes"], ["the alpha"], mode="linear")]


def told_by(trimap, arrays):
    """Return the nodes that mix "guess" with what "numbers" say is known, and the arrays that they need as well.

    A parabola brings the three numbers to 0, 0.5 and 1; 4 x (1 - x) of that is 1 where nothing is known and else 0.
    """
    square, slope, offset = np.polyfit(np.asarray(trimap, float), [0, 0.5, 1], 2).astype(np.float32)
    more = {"sizes": np.array([3, 1], np.int64), "square": square, "slope": slope, "offset": offset}
    steps = [
        ("Mul", ["numbers", "square"], ["bent"]),
        ("Add", ["bent", "slope"], ["leaning"]),
        ("Mul", ["leaning", "numbers"], ["risen"]),
        ("Add", ["risen", "offset"], ["told"]),
        ("Sub", ["one", "told"], ["untold"]),
        ("Mul", ["told", "untold"], ["quarters"]),
        ("Mul", ["quarters", "four"], ["open"]),
        ("Sub", ["guess", "told"], ["change"]),
        ("Mul", ["change", "open"], ["taken"]),
        ("Add", ["told", "taken"], ["the alpha"]),
    ]
    return [helper.make_node(*step) for step in steps], arrays | more | {"four": np.float32(4)}


ENDS = {
    "alpha": [("Identity", ["the alpha"], ["end"])],
    "pixels": [("Mul", ["the alpha", "white"], ["end"])],
    "logits": [
        ("Sub", ["one", "the alpha"], ["rest"]),
        ("Div", ["the alpha", "rest"], ["odds"]),
        ("Log", ["odds"], ["end"]),
    ],
    "two logits": [
        ("Sub", ["one", "the alpha"], ["rest"]),
        ("Div", ["the alpha", "rest"], ["odds"]),
        ("Log", ["odds"], ["logits"]),
        ("Sub", ["logits", "logits"], ["none"]),
    ],
}


def model_of(
    nodes,
    arrays,
    given,
    answer,
    *,
    dtype=TensorProto.FLOAT,
    answer_dtype=None,
    more_inputs=(),
    domains=(),
    functions=(),
):
    """Return a ModelProto; `given` and `answer` are (name, shape), None in a shape where any size goes."""

    def value(name, shape, kind=dtype):
        named = [f"{name}_{k}" if size is None else size for k, size in enumerate(shape)]
        return helper.make_tensor_value_info(name, kind, named)

    graph = helper.make_graph(
        nodes,
        "stand-in",
        [value(*given), *(value(*one) for one in more_inputs)],
        [value(*answer, answer_dtype or dtype)],
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
