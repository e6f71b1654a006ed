"""Imports point up one list of rooms; a breach is a design decision, and fails here."""

import ast
from pathlib import Path

import pytest

import tiler

# A room may import from the rooms before it. Files of `image` and `model` may import from their own room.
ROOMS = [
    "errors",
    "memory",
    "settings",
    "progress",
    "geometry",
    "plan",
    "image",
    "model",
    "guidance",
    "fuse",
    "blend",
    "seams",
    "look",
    "figures",
    "page",
    "canvas",
    "journal",
    "report",
    "job",
    "sidecar",
    "engine",
    "mend",
    "cluster",
    "survey",
    "run",
    "batch",
    "foresee",
    "terminal",
    "cli",
    "__main__",
]
HOME = Path(tiler.__file__).parent
FILES = sorted(path for path in HOME.rglob("*.py") if path != HOME / "__init__.py")
ONLY_IN = {
    "tensorflow": "model",
    "dask": "engine",
    "distributed": "cluster",
    "zarr": ("canvas", "image"),
    "typer": "cli",
    "rich": "terminal",
    "matplotlib": "figures",
}


def room_of(path: Path) -> str:
    return path.relative_to(HOME).parts[0].removesuffix(".py")


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
def test_imports_point_up_the_list(path):
    room = room_of(path)
    assert room in ROOMS, f"{path.name} is a room of its own: give it a place in the list"
    for name in imports_of(path):
        if name.startswith("tiler."):
            other = name.split(".")[1]
            assert ROOMS.index(other) < ROOMS.index(room) or other == room in ("image", "model"), f"{room} -> {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOME)))
def test_a_heavy_library_has_one_door(path):
    for name in imports_of(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or room_of(path) in allowed, f"{path.name} imports {name}"
