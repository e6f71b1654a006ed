import json
from pathlib import Path

import pytest
from PIL import Image

jupytext = pytest.importorskip("jupytext", reason="the notebooks' checks need jupytext and nbclient")
nbformat = pytest.importorskip("nbformat", reason="the notebooks' checks need jupytext and nbclient")
nbclient = pytest.importorskip("nbclient", reason="the notebooks' checks need jupytext and nbclient")

HOME = Path(__file__).parents[1] / "notebooks"
NAMES = ["arrays", "quickstart", "seams", "panorama"]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """The example, small, so that a few tiles cover it."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    with Image.open(HOME.parent / "examples" / "portrait.jpg") as picture:
        picture.draft("RGB", (600, 750))
        picture.resize((600, 750)).save(path)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_text_and_notebook_have_the_same_cells(name):
    """`jupytext --to ipynb notebooks/NAME.py` makes the notebook from the text, which is the source."""
    text = jupytext.read(HOME / f"{name}.py")
    notebook = jupytext.read(HOME / f"{name}.ipynb")
    assert [(cell.cell_type, cell.source) for cell in text.cells] == [
        (cell.cell_type, cell.source) for cell in notebook.cells
    ]
    stored = json.loads((HOME / f"{name}.ipynb").read_text())
    assert not any(cell.get("outputs") for cell in stored["cells"])


def test_every_notebook_is_checked():
    assert sorted(path.stem for path in HOME.glob("*.py")) == sorted(NAMES)
    assert sorted(path.stem for path in HOME.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_they_run_from_top_to_bottom_and_show_something(photo, monkeypatch):
    """In one kernel, so that TensorFlow is loaded once; `%reset` removes all names between notebooks."""
    monkeypatch.setenv("TILER_PICTURE", str(photo))
    chain = nbformat.v4.new_notebook()
    for name in NAMES:
        chain.cells += [*jupytext.read(HOME / f"{name}.py").cells, nbformat.v4.new_code_cell("%reset -f")]
    nbclient.NotebookClient(chain, timeout=120, kernel_name="python3", resources={"metadata": {"path": HOME}}).execute()
    shown = [output for cell in chain.cells if cell.cell_type == "code" for output in cell.outputs]
    figures = sum("image/png" in output.get("data", {}) for output in shown)
    shows = ("figures.", "Image.fromarray")
    assert figures == sum(cell.source.splitlines()[-1].startswith(shows) for cell in chain.cells)
    printed = "".join(output.get("text", "") for output in shown)
    assert "above the limit" in printed
