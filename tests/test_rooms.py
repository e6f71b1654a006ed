"""Imports point down one list of rooms; a breach is a design decision, and fails here."""

import ast
from pathlib import Path

import pytest

import tiler

HOME = Path(tiler.__file__).parent
FILES = sorted(path for path in HOME.rglob("*.py") if path != HOME / "__init__.py")

# From the top of the house down. A room imports from its own and from the rooms below it.
ROOMS = (
    ("__main__",),
    ("cli",),
    ("batch", "estimate"),
    ("arrays",),
    ("run", "composite"),
    ("sidecar",),
    ("inspect",),
    ("report",),
    ("engine",),
    ("store",),
    ("subject",),
    ("recipe",),
    ("model",),
    ("image",),
    ("core",),
    (
        "presets",
        "settings",
        "options",
        "errors",
        "progress",
        "atomic",
        "sealed",
        "checksum",
        "memory",
        "metrics",
        "edge",
    ),
    ("cgroup",),
)
# Heavy libraries, and the only rooms that import them.
DOORS = {
    "tensorflow": ("model",),
    "onnx": ("model",),
    "onnxruntime": ("model",),
    "modelscope": ("model",),
    "dask": ("engine", "image", "arrays"),
    "distributed": ("engine", "cli"),
    "zarr": ("image",),
    "filelock": ("store",),
    "typer": ("cli",),
    "rich": ("cli",),
    "matplotlib": ("inspect",),
}


def room_of(path: Path) -> str:
    return path.relative_to(HOME).parts[0].removesuffix(".py")


def depth_of(room: str) -> int:
    (depth,) = [depth for depth, rooms in enumerate(ROOMS) if room in rooms]
    return depth


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOME)))
def test_imports_point_down_the_list(path):
    room = room_of(path)
    for name in imports_of(path):
        if name.startswith("tiler."):
            other = name.split(".")[1]
            assert other == room or depth_of(other) >= depth_of(room), f"{room} -> {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOME)))
def test_a_heavy_library_has_one_door(path):
    for name in imports_of(path):
        library = name.split(".")[0]
        assert library not in DOORS or room_of(path) in DOORS[library], f"{path.name} imports {name}"
