import numpy as np
from onnx import helper

from tests.model.onnx_graphs import model_of, simple
from tiler.model.onnx_report import onnx_report


def test_a_network_that_only_convolves_has_nothing_to_tell():
    assert onnx_report(simple(helper.make_node("Relu", ["input"], ["output"]))).sentences() == ()


def test_what_normalises_and_pools_over_the_whole_picture_is_counted():
    nodes = [
        helper.make_node("InstanceNormalization", ["input", "scale", "bias"], ["normal"]),
        helper.make_node("GlobalAveragePool", ["normal"], ["pooled"]),
        helper.make_node("ReduceMean", ["normal"], ["mean"], axes=[2, 3]),
        helper.make_node("ReduceMean", ["normal"], ["grey"], axes=[1]),
        helper.make_node("Add", ["mean", "pooled"], ["output"]),
    ]
    arrays = {"scale": np.ones(3, np.float32), "bias": np.zeros(3, np.float32)}
    found = onnx_report(model_of(nodes, arrays, ("input", [1, 3, None, None]), ("output", [None] * 4)))
    assert (found.normalisations, found.poolings) == (1, 2)
    assert len(found.sentences()) == 2


def test_axes_may_be_an_input():
    nodes = [helper.make_node("ReduceMean", ["input", "axes"], ["output"])]
    model = model_of(nodes, {"axes": np.array([-1, -2])}, ("input", [1, 3, None, None]), ("output", [None] * 4))
    assert onnx_report(model).poolings == 1
