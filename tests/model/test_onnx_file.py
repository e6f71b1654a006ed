import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.model.onnx_graphs import model_of, saved, simple, stand_in
from tiler.errors import ModelError
from tiler.model.onnx_file import inputs_of, nodes_of, read_onnx, sizes_of


def test_what_is_read_is_what_the_sha256_is_of(tmp_path):
    path = saved(tmp_path / "net.onnx", stand_in())
    model, content, digest = read_onnx(path)
    assert content == path.read_bytes()
    assert len(digest) == 64
    assert [one.name for one in inputs_of(model)] == ["input"]
    assert sizes_of(model.graph.input[0]) == [1, 3, None, None]


def branch(op):
    """A network with `op` in a branch of a condition, where the output may not come from."""
    inner = helper.make_graph(
        [helper.make_node(op, ["input"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )
    return simple(
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["output"], then_branch=inner, else_branch=inner),
    )


def function(op, domain="mine", name="Own"):
    own = helper.make_function(
        domain, name, ["a"], ["b"], [helper.make_node(op, ["a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    return simple(helper.make_node(name, ["input"], ["output"], domain=domain), domains=["mine"], functions=[own])


ALLOWED = {
    "plain": stand_in(),
    "in a branch": branch("Relu"),
    "a function of its own": function("Relu"),
    "onnxruntime's own": simple(
        helper.make_node("Gelu", ["input"], ["output"], domain="com.microsoft"), domains=["com.microsoft"]
    ),
}


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_computes_is_allowed(tmp_path, kind):
    model, _, _ = read_onnx(saved(tmp_path / "net.onnx", ALLOWED[kind]))
    assert list(nodes_of(model))


REFUSED = {
    "a domain of one's own": (
        simple(helper.make_node("Anything", ["input"], ["output"], domain="mine"), domains=["mine"]),
        "Anything of the domain mine",
    ),
    "python": (
        simple(helper.make_node("PythonOp", ["input"], ["output"], domain="com.microsoft"), domains=["com.microsoft"]),
        "PythonOp of the domain com.microsoft",
    ),
    "torch": (
        simple(helper.make_node("ATen", ["input"], ["output"], domain="org.pytorch.aten")),
        "ATen of the domain org.pytorch.aten",
    ),
    "unknown": (simple(helper.make_node("ReadFile", ["input"], ["output"])), "ReadFile, which ONNX does not define"),
    "random": (simple(helper.make_node("RandomNormalLike", ["input"], ["output"])), "answers differently every time"),
    "random in a branch": (branch("RandomUniformLike"), "answers differently every time"),
    "random in a function": (function("Bernoulli"), "answers differently every time"),
    "another meaning": (function("Neg", domain="", name="Relu"), "whose meaning the file would change"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_more_than_compute_is_refused_by_name(tmp_path, kind):
    model, says = REFUSED[kind]
    with pytest.raises(ModelError) as raised:
        read_onnx(saved(tmp_path / "net.onnx", model))
    assert says in raised.value.what
    assert str(tmp_path) in raised.value.what


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights.bin", "weights.bin"])
def test_weights_in_other_files_are_refused(tmp_path, location):
    weights = {"w": np.zeros((3, 1, 1), np.float32)}
    node = helper.make_node("Add", ["input", "w"], ["output"])
    model = model_of([node], weights, ("input", [1, 3, None, None]), ("output", [None] * 4))
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location)
    with pytest.raises(ModelError, match="keeps weights in another file") as raised:
        read_onnx(saved(tmp_path / "net.onnx", model))
    assert location in raised.value.what


def test_weights_of_a_constant_in_other_files_are_refused(tmp_path):
    tensor = numpy_helper.from_array(np.zeros(3, np.float32))
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    with pytest.raises(ModelError, match="keeps weights in another file"):
        read_onnx(saved(tmp_path / "net.onnx", simple(node, helper.make_node("Add", ["input", "c"], ["output"]))))


@pytest.mark.parametrize("content", [b"", b"this is no network", b"\x00" * 4096, b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_network_is_refused(tmp_path, content):
    with pytest.raises(ModelError, match=r"net\.onnx"):
        read_onnx(saved(tmp_path / "net.onnx", content))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    whole = stand_in().SerializeToString()
    with pytest.raises(ModelError, match=r"net\.onnx"):
        read_onnx(saved(tmp_path / "net.onnx", whole[: int(len(whole) * kept)]))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_onnx(tmp_path / "net.onnx")


def test_without_onnx_it_says_what_to_install(tmp_path):
    path = saved(tmp_path / "net.onnx", stand_in())
    script = (
        "import sys; sys.modules['onnx'] = None\n"
        "from pathlib import Path\n"
        "from tiler.model.onnx_file import read_onnx\n"
        f"try:\n    read_onnx(Path({str(path)!r}))\nexcept Exception as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "tiler-matting[onnx]" in done.stdout
