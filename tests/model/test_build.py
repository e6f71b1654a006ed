"""The builder of the embedded network: every operation in its table answers as onnxruntime does."""

import hashlib

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from scripts import build_modnet_graph as build
from tests.model.graphs import tf
from tiler.model.card import find_card
from tiler.model.graph_file import read_graph, unpack_weights
from tiler.model.graph_report import graph_report

CHANNELS = 6


def random(*shape, seed=0, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def model_of(nodes, weights):
    """Return an ONNX model of `nodes` from x (n, CHANNELS, h, w) to y."""
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("x", ("n", CHANNELS, "h", "w")), ("y", None))
    ]
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def answers(nodes, weights, x):
    """Return what onnxruntime and the rebuilt graph say to `x`, both (n, c, h, w)."""
    model = model_of(nodes, weights)
    runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with tf.Graph().as_default() as graph:
        entry = tf.compat.v1.placeholder(tf.float32, (1, None, None, CHANNELS))
        leave = build.rebuild(model, entry)
        with tf.compat.v1.Session(graph=graph) as session:
            found = session.run(leave, {entry: x.transpose(0, 2, 3, 1)})
    return runtime.run(None, {"x": x})[0], found.transpose(0, 3, 1, 2)


def conv(out, size, groups=1, stride=1, pad=0):
    weights = {"w": random(out, CHANNELS // groups, size, size, seed=1), "b": random(out, seed=2)}
    node = helper.make_node(
        "Conv", ["x", "w", "b"], ["y"], group=groups, strides=[stride] * 2, pads=[pad] * 4, kernel_shape=[size] * 2
    )
    return [node], weights


def resize(scale):
    node = helper.make_node(
        "Resize", ["x", "r", "s"], ["y"], mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
    )
    return [node], {"r": np.zeros(0, np.float32), "s": np.array([1, 1, scale, scale], np.float32)}


def plain(operation, *others, weights=None, **attributes):
    return [helper.make_node(operation, ["x", *others], ["y"], **attributes)], weights or {}


STATISTICS = {
    "s": random(CHANNELS, seed=3),
    "o": random(CHANNELS, seed=4),
    "m": random(CHANNELS, seed=5),
    "v": random(CHANNELS, seed=6, low=0.5, high=2),
}

RUNS = {"a": np.array([2]), "z": np.array([2**63 - 1]), "axis": np.array([1]), "step": np.array([1])}


def gate():
    """Squeeze and excitation as exporters write it: pooled, two matrices, and stretched by reckoned sizes."""
    make = helper.make_node
    nodes = [
        make("Shape", ["x"], ["shape"]),
        make("Gather", ["shape", "zero"], ["batch"], axis=0),
        make("Gather", ["shape", "one"], ["channels"], axis=0),
        make("Unsqueeze", ["batch"], ["batch1"], axes=[0]),
        make("Unsqueeze", ["channels"], ["channels1"], axes=[0]),
        make("Concat", ["batch1", "channels1"], ["flat"], axis=0),
        make("Concat", ["batch1", "channels1", "ones", "ones"], ["tall"], axis=0),
        make("GlobalAveragePool", ["x"], ["pooled"]),
        make("Reshape", ["pooled", "flat"], ["p"]),
        make("MatMul", ["p", "w1"], ["q"]),
        make("Relu", ["q"], ["r"]),
        make("MatMul", ["r", "w2"], ["t"]),
        make("Sigmoid", ["t"], ["u"]),
        make("Reshape", ["u", "tall"], ["v"]),
        make("Expand", ["v", "shape"], ["e"]),
        make("Mul", ["x", "e"], ["y"]),
    ]
    sizes = {"zero": np.array(0), "one": np.array(1), "ones": np.array([1])}
    return nodes, sizes | {"w1": random(CHANNELS, 4, seed=7), "w2": random(4, CHANNELS, seed=8)}


CASES = {
    "conv 1x1": conv(4, 1),
    "conv 3x3": conv(4, 3, pad=1),
    "conv 5x5": conv(4, 5, pad=2),
    "conv 3x3 by twos": conv(4, 3, stride=2, pad=1),
    "conv without pads": conv(4, 3),
    "conv with pads too wide": conv(4, 3, pad=2),
    "conv each channel": conv(CHANNELS, 3, groups=CHANNELS, pad=1),
    "conv each channel by twos": conv(CHANNELS, 3, groups=CHANNELS, stride=2, pad=1),
    "clip": plain("Clip", "low", "high", weights={"low": np.float32(0), "high": np.float32(6)}),
    "relu": plain("Relu"),
    "sigmoid": plain("Sigmoid"),
    "add": plain("Add", "x"),
    "mul": plain("Mul", "x"),
    "concat": plain("Concat", "x", axis=1),
    "slice": plain("Slice", "a", "z", "axis", "step", weights=RUNS),
    "batch normalization": plain("BatchNormalization", *"somv", weights=STATISTICS, epsilon=1e-5),
    "instance normalization": plain("InstanceNormalization", *"so", weights=STATISTICS, epsilon=1e-5),
    "resize by 2": resize(2.0),
    "resize by 1/2": resize(0.5),
    "resize by 1/4": resize(0.25),
    "gate": gate(),
}


def test_every_operation_of_the_table_has_a_case():
    tried = {node.op_type for nodes, _ in CASES.values() for node in nodes}
    assert tried | {"Constant"} == set(build.BUILDERS)


@pytest.mark.parametrize("case", CASES)
@given(rows=st.integers(2, 5), cols=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=3)
def test_an_operation_answers_as_onnxruntime_does(case, rows, cols, seed):
    nodes, weights = CASES[case]
    expected, found = answers(nodes, weights, random(1, CHANNELS, 4 * rows, 4 * cols, seed=seed, low=-4, high=8))
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "weights"),
    [
        plain("Clip", "low", "high", weights={"low": np.float32(0), "high": np.float32(1)}),
        plain("Resize", "s", "s", weights={"s": np.array([1, 1, 2, 2], np.float32)}, mode="cubic"),
        conv(4, 3, groups=2, pad=1),
        plain("Softmax"),
    ],
)
def test_what_the_table_cannot_do_is_refused(nodes, weights):
    with tf.Graph().as_default(), pytest.raises(NotImplementedError):
        build.rebuild(model_of(nodes, weights), tf.compat.v1.placeholder(tf.float32, (1, None, None, CHANNELS)))


@given(seed=st.integers(0, 99), outputs=st.integers(1, 12))
@settings(max_examples=5)
def test_a_large_kernel_is_stored_in_half_the_bytes_to_the_next_step_and_unpacked_whole(seed, outputs):
    kernel = random(5, 5, -(-build.LARGEST_IN_SINGLE // 25 // outputs) + 1, outputs, seed=seed)
    with tf.Graph().as_default() as graph:
        name = build.stored(kernel).op.name
    definition = graph.as_graph_def()
    assert definition.ByteSize() < 0.51 * kernel.nbytes + 1000
    unpack_weights(definition)
    node = next(n for n in definition.node if n.name == name)
    assert node.op == "Const"
    unpacked = tf.make_ndarray(node.attr["value"].tensor)
    step = np.abs(kernel).max((0, 1, 2)) / 32767
    assert (np.abs(unpacked - kernel) <= 0.51 * step).all()


def test_the_file_that_ships_is_the_one_its_card_describes():
    card = find_card("modnet")
    path = card.directory / card.graph
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert len(content) < 14e6
    facts = graph_report(read_graph(path)[0])
    assert (facts.fixed_resizes, facts.normalisations, facts.poolings) == ((), 16, 1)
