"""The parts of TensorFlow that run a frozen graph, without the rest of the package, which takes three times as long.

`import tensorflow` imports Keras, datasets, distribution, and some hundred modules more: 5.3 s of a processor, of which
these parts take 1.8 s. They are imported under a package that stands for TensorFlow meanwhile and is empty. Who imports
TensorFlow afterwards gets the whole of it.
"""

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from tiler.errors import ModelError
from tiler.image.limits import available_memory

_loading = Lock()


@dataclass(frozen=True)
class TensorFlow:
    """What a session needs, by the names that TensorFlow gives it."""

    Graph: Any
    Session: Any
    ConfigProto: Any
    GPUOptions: Any
    OpError: Any
    import_graph_def: Any
    context: Any

    def has_gpu(self) -> bool:
        return bool(self.context.context().list_physical_devices("GPU"))


def load_tensorflow() -> TensorFlow:
    """Import the parts of TensorFlow, which takes seconds; raises ModelError if they cannot be loaded.

    Its memory on the processor comes from a pool of its own, unless the environment says otherwise. What a tile has
    freed is then there for the next one. Without the pool the system takes it back, and clears it again, page by page.
    """
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    # Beyond this the network fails on a tile, which is then run alone; without a limit the system ends the process.
    os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(available_memory() >> 20))
    with _loading:
        try:
            return _parts()
        except ImportError as error:
            raise ModelError(
                f"TensorFlow cannot be loaded: {error}.", "Install it with: pip install --upgrade tensorflow"
            ) from error


def _parts() -> TensorFlow:
    stands_for = None if "tensorflow" in sys.modules else _stand_in()
    if stands_for is not None:
        sys.modules["tensorflow"] = stands_for
    try:
        from tensorflow.core.framework import graph_pb2, types_pb2  # noqa: F401  (`graph_file` needs them)
        from tensorflow.core.protobuf import config_pb2
        from tensorflow.python.client import session
        from tensorflow.python.eager import context
        from tensorflow.python.framework import (
            errors_impl,
            importer,
            op_def_registry,  # noqa: F401  (`graph_ops` needs it)
            ops,
            tensor_util,  # noqa: F401  (`graph_file` needs it)
        )
    finally:
        if stands_for is not None:
            del sys.modules["tensorflow"]
    return TensorFlow(
        Graph=ops.Graph,
        Session=session.Session,
        ConfigProto=config_pb2.ConfigProto,
        GPUOptions=config_pb2.GPUOptions,
        OpError=errors_impl.OpError,
        import_graph_def=importer.import_graph_def,
        context=context,
    )


def _stand_in() -> ModuleType | None:
    """Return an empty package whose modules are those of TensorFlow.

    None if TensorFlow is not installed, or where devices are added to it: then the whole of it has to be imported,
    which finds them.
    """
    spec = find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        return None
    folders = list(spec.submodule_search_locations)
    plugins = (Path(folder).with_name("tensorflow-plugins") for folder in folders)
    if os.environ.get("TF_PLUGGABLE_DEVICE_LIBRARY_PATH") or any(folder.exists() for folder in plugins):
        return None
    package = ModuleType("tensorflow")
    package.__path__ = folders
    package.__spec__ = spec
    return package
