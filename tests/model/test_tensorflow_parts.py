import os
import subprocess
import sys

import pytest

from tiler.errors import ModelError
from tiler.model import tensorflow_parts
from tiler.model.tensorflow_parts import load_tensorflow

POOL = "TF_CPU_ALLOCATOR_USE_BFC", "TF_CPU_BFC_MEM_LIMIT_IN_MB"

# A graph of one constant is made and run by the parts; the whole package is had afterwards.
PARTS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from tiler.model.tensorflow_parts import load_tensorflow
tf = load_tensorflow()
from tensorflow.core.framework.graph_pb2 import GraphDef
graph = tf.Graph()
with graph.as_default():
    node = GraphDef().node.add(name="two", op="Const")
    node.attr["dtype"].type = 3
    node.attr["value"].tensor.dtype = 3
    node.attr["value"].tensor.int_val.append(2)
    definition = GraphDef()
    definition.node.append(node)
    tf.import_graph_def(definition, name="")
    print(tf.Session(graph=graph, config=tf.ConfigProto()).run("two:0"))
print([name for name in sys.modules if name == "tensorflow" or name.startswith("keras")])
"""


def test_a_graph_runs_without_the_rest_of_the_package():
    done = subprocess.run([sys.executable, "-c", PARTS], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["2", "[]"]


def test_memory_comes_from_a_pool_that_the_machine_has_room_for(monkeypatch):
    monkeypatch.setattr(tensorflow_parts, "available_memory", lambda: 3 * 2**30)
    for name in POOL:
        monkeypatch.setenv(name, "")  # so that what was there comes back
        monkeypatch.delenv(name)
    load_tensorflow()
    assert [os.environ[name] for name in POOL] == ["true", "3072"]


def test_what_the_environment_says_of_the_pool_counts(monkeypatch):
    for name, value in zip(POOL, ("false", "77"), strict=True):
        monkeypatch.setenv(name, value)
    load_tensorflow()
    assert [os.environ[name] for name in POOL] == ["false", "77"]


def test_where_devices_are_added_the_whole_package_is_imported(monkeypatch, tmp_path):
    monkeypatch.delenv("TF_PLUGGABLE_DEVICE_LIBRARY_PATH", raising=False)
    assert tensorflow_parts._stand_in() is not None
    monkeypatch.setenv("TF_PLUGGABLE_DEVICE_LIBRARY_PATH", str(tmp_path))
    assert tensorflow_parts._stand_in() is None


def test_without_tensorflow_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setattr(tensorflow_parts, "find_spec", lambda _: None)
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ModelError, match="TensorFlow cannot be loaded"):
        load_tensorflow()
