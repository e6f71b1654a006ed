import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
import tomli_w

from tests.fakes import RecordedProgress
from tests.model.onnx_graphs import known_alpha, saved, stand_in
from tests.model.test_onnx_runtime import a_card
from tiler.errors import ModelError
from tiler.model import session as sessions
from tiler.model.session import open_model, open_session
from tiler.model.toml_table import table_of
from tiler.settings import ComputeOptions


@pytest.fixture
def directory(tmp_path):
    saved(tmp_path / "net.onnx", stand_in())
    (tmp_path / "card.toml").write_text(tomli_w.dumps(table_of(a_card(tmp_path), leave_out=("directory",))))
    return tmp_path


def test_a_card_names_the_runtime(directory):
    rgb = np.full((4, 6, 3), 90, np.float32)
    with closing(open_session(ComputeOptions(model=str(directory), threads=2), RecordedProgress())) as session:
        assert (session.card.runtime, session.precision, session.device) == ("onnx", "f32", "cpu")
        np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb), atol=1e-5)


def test_a_device_that_is_not_there_is_an_error_with_either_runtime(directory):
    for model in (str(directory), "modnet"):
        with pytest.raises(ModelError, match="--device tpu"):
            open_model(model, device="tpu")


def test_only_the_runtime_that_a_network_needs_is_imported(directory):
    script = (
        "import sys, tiler\n"
        f"with tiler.open_model({str(directory)!r}) as model:\n    model.card\n"
        "heavy = ('tensorflow', 'modelscope', 'onnxruntime')\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}.intersection(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['onnxruntime']"


@pytest.mark.parametrize(("commercial", "said"), [("yes", False), ("no", True), ("not known", True)])
def test_a_licence_that_may_not_allow_commercial_use_is_said_when_the_network_is_opened(directory, commercial, said):
    card = directory / "card.toml"
    card.write_text(card.read_text().replace('commercial = "yes"', f'commercial = "{commercial}"'))
    progress = RecordedProgress()
    with closing(open_session(ComputeOptions(model=str(directory)), progress)):
        assert any("commercial use is not" in note for note in progress.notes) == said


def test_the_licence_of_a_network_that_is_fetched_is_said(directory, monkeypatch):
    monkeypatch.setattr(sessions, "is_here", lambda _: False)
    progress = RecordedProgress()
    with closing(open_session(ComputeOptions(model=str(directory)), progress)):
        assert any("commercial use is allowed" in note for note in progress.notes)
