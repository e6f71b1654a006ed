"""The documents hold: their code blocks run, and what they name exists."""

import functools
import logging
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image
from typer.testing import CliRunner

import options_page
import parameter_lists
import room_picture
import tiler
from tests.fakes import ColourKey
from tests.image.kinds import dng, exr, heic
from tests.image.metadata.test_gpano import xmp_packet
from tests.test_rooms import DOORS
from tiler import arrays, batch, run, subject
from tiler.cli.main import app
from tiler.model import session as sessions
from tiler.model.card import find_card
from tiler.model.graph_report import GraphReport
from tiler.options import options_of
from tiler.settings import GROUPS

HOME = Path(__file__).parents[1]
RUN = [
    "README.md",
    "docs/index.md",
    "docs/quickstart.md",
    "docs/composite.md",
    *sorted(f"docs/howto/{p.name}" for p in HOME.glob("docs/howto/*")),
]
PAGES = [HOME / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")] + sorted(
    HOME.glob("docs/**/*.md")
)
# Blocks that are not run, by the name in the marker before them.
NOT_RUN = {
    "install": "fetches packages",
    "other hosts": "needs a scheduler and workers on other machines",
    "measuring": "needs pictures whose truth is known",
}
# Options of other programs.
FOREIGN = {"--port", "--nworkers", "--nthreads"}
# Names in the changelog that are no longer.
FORMER = {"--comfort-px", "--mend", "--seams"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: the line it begins at, its language, its text, and the marker before it, if any."""

    line: int
    language: str
    text: str
    marker: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"(?:<!-- not run: (.*?) -->\n)?^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(text.count("\n", 0, found.start(3)) + 1, found[2], found[3], found[1])


class Quick(ColourKey):
    """A colour key in the place of a network, at its best on small pictures; it may be sent to other processes."""

    sha256 = "0" * 64
    precision = "f32"
    device = "cpu"
    graph_report = GraphReport((), (), 0, 0)

    def __init__(self, model):
        self.card = replace(find_card(model), guide_px=128, tile_px=128, overlap_px=32)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass


def open_quick(compute, _progress):
    return Quick(compute.model)


class Broken(Quick):
    """Answers the small picture, which is not square here, and no tile."""

    def alpha(self, rgb):
        if rgb.shape[0] == rgb.shape[1]:
            raise RuntimeError("no answer")
        return super().alpha(rgb)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with small pictures under the names that the documents use."""
    folder = tmp_path_factory.mktemp("shelf")
    y, x = np.mgrid[:300, :240]
    red = np.clip((0.35 - np.hypot(y - 150, x - 120) / 240) * 12 + 0.5, 0, 1) * 255
    pixels = np.stack([red, 255 - red, red // 2], axis=-1).astype(np.uint8)
    wide = np.concatenate([pixels[:240]] * 2, axis=1)
    for name in ("photos", "scans", "inbox", "scratch"):
        (folder / name).mkdir()
    for name in ("photo.tif", "scan.tif", "other.tif", "scans/one.tif", "stopped.tif"):
        tifffile.imwrite(folder / name, pixels, photometric="rgb")
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg", "scans/two.jpg", "inbox/one.jpg"):
        Image.fromarray(pixels).save(folder / name, quality=95)
    tifffile.imwrite(folder / "developed.tif", pixels.astype(np.uint16) * 257, photometric="rgb")
    tifffile.imwrite(folder / "plain.tif", wide, photometric="rgb")
    turn = xmp_packet(False, ProjectionType="equirectangular")
    tifffile.imwrite(folder / "around.tif", wide, photometric="rgb", extratags=[(700, 1, len(turn), turn, True)])
    dng(100)(folder / "photo.dng")
    heic(pixels)(folder / "photo.heic")
    exr((pixels / np.float32(255)) ** np.float32(2.2))(folder / "render.exr")
    Image.fromarray(np.rint(red).astype(np.uint8)).save(folder / "photo_alpha.png")
    trimap = np.select([red < 8, red > 247], [0, 255], 128).astype(np.uint8)
    Image.fromarray(trimap).save(folder / "photo_trimap.png")
    (folder / "guides").mkdir()
    for name in ("one", "two"):
        Image.fromarray(np.rint(red).astype(np.uint8)).save(folder / "guides" / f"{name}.png")
    (folder / "tonight.txt").write_text("photo.jpg\nscans/one.tif\n")
    return folder


@pytest.fixture
def folder(shelf, tmp_path, monkeypatch):
    """The shelf's pictures in a folder of this test, which is the working directory; a quick network for every door."""
    for path in shelf.rglob("*"):
        target = tmp_path / path.relative_to(shelf)
        target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(subject, "open_session", lambda *_: Broken("modnet"))
        tiler.matte(tmp_path / "stopped.tif", tmp_path / "stopped-cutout.tif")
    (tmp_path / "stopped-cutout.tif.tiler").rename(tmp_path / "stopped.tif.tiler")
    for module in (run, subject, arrays, sessions):
        monkeypatch.setattr(module, "open_session", open_quick)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(batch, "watch", functools.partial(batch.watch, pause=Pauses()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the command line sets it for its own process
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Pauses:
    """Waits for nothing, and stands for Ctrl-C the second time: a watched folder has then been looked at twice."""

    def __init__(self):
        self.count = 0

    def __call__(self, _seconds):
        self.count += 1
        if self.count == 2:
            raise KeyboardInterrupt


@pytest.fixture
def own_logging():
    """Loggers as they were, when a block has set them up."""
    root, own = logging.getLogger(), logging.getLogger("tiler")
    before = root.handlers[:], own.level
    yield
    root.handlers[:], own.level = before


def run_shell(text: str, monkeypatch) -> None:
    """Run `tiler` and the repository's own scripts, a line each, in this process; any other program is an error."""
    for line in text.replace("\\\n", " ").splitlines():
        match shlex.split(line, comments=True):
            case []:
                continue
            case ["tiler", *words]:
                done = CliRunner().invoke(app, words)
                assert done.exit_code == (130 if "--watch" in words else 0), (
                    f"{line}\n{done.output}\n{done.exception!r}"
                )
                if "-o" in words:
                    assert Path(words[words.index("-o") + 1]).exists(), line
            case ["python", script, *_] as words if script.startswith("scripts/"):
                monkeypatch.setattr(sys, "argv", words[1:])
                assert import_module(Path(script).stem).main() == 0, line
            case words:
                pytest.fail(f"{line}: `{words[0]}` cannot be run here; mark the block.")


@pytest.mark.usefixtures("folder", "own_logging")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", RUN)
def test_every_block_runs(name, monkeypatch):
    """The blocks of a page one after the other, as a reader would type them."""
    if "--cluster" in (HOME / name).read_text(encoding="utf-8"):
        pytest.importorskip("distributed")
    names: dict[str, object] = {}
    for block in blocks(HOME / name):
        if block.marker:
            continue
        if block.language == "sh":
            run_shell(block.text, monkeypatch)
        else:
            exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), names)


@pytest.mark.usefixtures("folder")
def test_the_block_that_times_a_tile_runs(monkeypatch):
    (block,) = [block for block in blocks(HOME / "docs" / "quality.md") if block.language == "python"]
    monkeypatch.chdir(HOME)
    exec(compile(block.text, "docs/quality.md", "exec"), {})


def test_markers_are_known_and_used():
    marked = [block.marker for name in RUN for block in blocks(HOME / name) if block.marker]
    assert set(marked) == set(NOT_RUN)


def test_a_block_is_shell_or_python():
    assert {block.language for name in RUN for block in blocks(HOME / name)} == {"sh", "python"}
    assert sum(
        "```" in line for name in RUN for line in (HOME / name).read_text(encoding="utf-8").splitlines()
    ) == 2 * sum(1 for name in RUN for _ in blocks(HOME / name))


def known_options() -> set[str]:
    """Return the options of all commands, and of the scripts."""
    import typer

    found = {"--help"}
    parts = [typer.main.get_command(app)]
    for part in parts:
        parts += getattr(part, "commands", {}).values()
        found |= {flag for option in part.params for flag in (*option.opts, *option.secondary_opts)}
    for script in (*HOME.glob("scripts/**/*.py"), HOME / "tiler" / "cli" / "inference_bshm.py"):
        found |= set(re.findall(r'"(--[a-z][a-z_-]*)"', script.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_options_that_a_page_names_exist(page):
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*[a-z]", page.read_text(encoding="utf-8"))) - FOREIGN
    if page.name == "CHANGELOG.md":
        named -= FORMER
    assert named - known_options() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_files_that_a_page_names_exist(page):
    text = re.sub(r"\S*NAME\S*", "", page.read_text(encoding="utf-8"))
    named = re.findall(r"(?:tiler|tests|scripts|docs|notebooks|examples)/[\w./]+\.(?:py|md|sh|ipynb|jpg|svg)", text)
    named += [
        str((page.parent / link).relative_to(HOME)) for link in re.findall(r"\]\(([\w./]+)", text) if ".." not in link
    ]
    assert [name for name in named if not (HOME / name).exists()] == []


def test_every_option_is_explained_in_the_reference():
    explained = options_page.tables()
    assert [
        one.flag for group in GROUPS.values() for one in options_of(group) if f"`{one.flag}`" not in explained
    ] == []


def test_explained_parameters_are_listed_and_other_colons_are_left():
    text = "Two of a kind.\n\na, b: (h, w) float32; in 0..1. where: all, if\nNone. Raises X: a child. c: not one."
    first, rest = (parameter_lists.listed(part, {"a", "b", "where"}) for part in text.split("\n\n"))
    assert first == "Two of a kind."
    assert rest == "- `a`, `b`: (h, w) float32; in 0..1.\n- `where`: all, if None. Raises X: a child. c: not one."


def test_the_rooms_are_drawn_and_listed_as_they_are():
    """`python docs/hooks/room_picture.py` makes both again."""
    assert room_picture.SVG.read_text(encoding="utf-8") == room_picture.picture()
    assert room_picture.PAGE.read_text(encoding="utf-8") == room_picture.page()


def test_the_libraries_are_listed_with_their_rooms():
    rows = {library: ", ".join(f"`{room}`" for room in rooms) for library, rooms in DOORS.items()}
    text = room_picture.PAGE.read_text(encoding="utf-8")
    assert [library for library, rooms in rows.items() if f"| {library} | {rooms} |" not in text] == []


def test_every_import_between_rooms_is_in_the_picture():
    row = {room: k for k, row in enumerate(room_picture.rooms()) for room in row}
    pairs = {(row[a], row[b]) for a in row for b in room_picture.imports((a,)) if b in row and row[a] != row[b]}
    assert room_picture.picture().count("<path") == 2 * len(pairs)


def test_the_citation_and_the_workflows_are_yaml_and_of_this_version():
    files = [
        HOME / "CITATION.cff",
        HOME / "mkdocs.yml",
        HOME / ".pre-commit-config.yaml",
        *HOME.glob(".github/**/*.yml"),
    ]
    parsed = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}
    assert parsed["CITATION.cff"]["version"] == tiler.__version__
    assert parsed["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_tests_that_the_page_on_reliability_names_exist():
    page = (HOME / "docs" / "reliability.md").read_text()
    named, file = [], None
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?(?:\[\w+\])?`", page):
        file = path or file
        if file and name:
            named.append((file, name))
    assert len(named) > 80
    missing = [(file, name) for file, name in named if f"def {name}(" not in (HOME / file).read_text()]
    assert missing == []
