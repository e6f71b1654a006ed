"""A graph that could do more than compute an answer is refused before TensorFlow is given it."""

from contextlib import closing

import numpy as np
import pytest

from tests.fakes import RecordedProgress
from tests.model import graphs
from tests.model.graphs import tf
from tiler.errors import ModelError
from tiler.model.graph_ops import ALLOWED, check_operations
from tiler.model.session import open_session
from tiler.settings import ComputeOptions

# TensorFlow calls these stateful, so that it does not fold or merge them; what they hold is gone after one answer.
PURE_ALL_THE_SAME = {"Assert", "Case", "CheckNumerics", "CheckNumericsV2", "Empty", "GuaranteeConst", "If", "While"}


def opened(directory):
    return closing(open_session(ComputeOptions(model=str(directory), threads=1, precision="f32"), RecordedProgress()))


def writes(target):
    return lambda: tf.raw_ops.WriteFile(filename=str(target), contents=tf.io.read_file(__file__))


def beside(target):
    def build(image):
        with tf.control_dependencies([writes(target)()]):
            return graphs.inverted_green(image)

    return build


def in_a_function(target):
    @tf.function(autograph=False)
    def inner(image):
        with tf.control_dependencies([writes(target)()]):
            return graphs.inverted_green(image)

    return inner


def in_a_nested_function(target):
    inner = in_a_function(target)

    @tf.function(autograph=False)
    def outer(image):
        return inner(image)

    return outer


def in_a_branch(target):
    inner = in_a_function(target)

    def build(image):
        concrete = inner.get_concrete_function(tf.TensorSpec((None, None, 3)))
        concrete.add_to_graph()
        branches = {"then_branch": concrete, "else_branch": concrete}
        return tf.raw_ops.If(cond=True, input=[image], Tout=[tf.float32], **branches)[0]

    return build


@pytest.mark.parametrize("hides", [beside, in_a_function, in_a_nested_function, in_a_branch])
def test_a_graph_that_writes_a_file_is_refused_by_the_name_of_the_operation(tmp_path, hides):
    target = tmp_path / "written"
    directory = graphs.write(tmp_path / "model", hides(target))
    with pytest.raises(ModelError, match=r"operation (Write|Read)File.*could read or write files; it is not run"):
        opened(directory)
    assert not target.exists()


def test_a_function_may_not_take_the_name_of_an_operation(tmp_path):
    definition = graphs.definition(in_a_function(tmp_path / "written"))
    (function,) = definition.library.function
    for name in ("WriteFile", "Relu"):
        function.signature.name = name
        with pytest.raises(ModelError, match=rf"operation {name} \(the graph's own function"):
            check_operations(definition, tmp_path)


def test_a_function_that_is_named_must_be_there(tmp_path):
    definition = graphs.definition(in_a_branch(tmp_path / "written"))
    del definition.library.function[:]
    with pytest.raises(ModelError, match="inner"):
        check_operations(definition, tmp_path)


@pytest.mark.parametrize(
    ("op", "could"),
    [
        ("PyFunc", "call Python"),
        ("EagerPyFunc", "call Python"),
        ("ReadVariableOp", "hold weights"),
        ("RestoreV2", "read or write files"),
        ("PrintV2", "read or write files"),
        ("DebugIdentityV3", "read or write files"),
        ("TensorSliceDataset", "threads of its own"),
        ("InitializeTableFromTextFileV2", "read or write files"),
        ("RpcCall", "other machines"),
        ("XlaLaunch", "compiled elsewhere"),
        ("RandomUniform", "differently every time"),
        ("QueueDequeueV2", "stop the process"),
        ("NobodyKnowsThis", "do more than compute"),
    ],
)
def test_what_an_operation_could_do_is_said(tmp_path, op, could):
    definition = graphs.definition(graphs.inverted_green)
    definition.node.add(name="strange", op=op)
    with pytest.raises(ModelError, match=rf"operation {op} \(node strange\), which could .*{could}") as raised:
        check_operations(definition, tmp_path)
    assert "freeze it" in raised.value.remedy


def in_a_loop(image):
    """Calls functions, branches and loops as a graph of TensorFlow 2 does, and invents nothing."""

    @tf.function
    def quarter_steps(image):
        total, step = image * 0.0, 0
        while step < 4:
            total += image / 4.0 if step % 2 else image * 0.25
            step += 1
        return graphs.inverted_green(total)

    return quarter_steps(image)


def test_functions_and_loops_that_only_compute_are_run(tmp_path):
    directory = graphs.write(tmp_path / "model", in_a_loop)
    rgb = np.random.default_rng(0).uniform(0, 255, (5, 7, 3)).astype(np.float32)
    with opened(directory) as session:
        np.testing.assert_allclose(session.alpha(rgb), 1 - rgb[..., 1] / 255, atol=1e-5)


def test_every_allowed_operation_is_tensorflows_and_holds_no_state():
    from tensorflow.python.framework import op_def_registry

    assert [name for name in ALLOWED if op_def_registry.get(name) is None] == []
    stateful = {name for name in ALLOWED if op_def_registry.get(name).is_stateful}
    assert {name for name in stateful if not name.startswith("TensorArray")} - {
        "StatefulPartitionedCall"
    } == PURE_ALL_THE_SAME


def test_a_saved_model_is_no_frozen_graph(tmp_path):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel(saved_model_schema_version=1)
    saved.meta_graphs.add().graph_def.CopyFrom(graphs.definition(beside(tmp_path / "written")))
    (tmp_path / "tf_graph.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ModelError, match=r"tf_graph\.pb: this"):
        opened(tmp_path)
