"""The measurement beside other programs: no environment is made and no network runs here."""

import json
import os
import subprocess
from pathlib import Path
from time import sleep

import numpy as np
import onnx
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import alpha_errors
import dask_overlap
import limited
import loop
import measure
import peak
import results
from limited import Run, run_limited
from scenes import band_px
from tests.fakes import RedIsAlpha
from tiler import metrics

NETWORK = {"peak_gflops": 100.0, "tile_gflop": 30.0, "tile_s": 0.5, "tile_at_peak_s": 0.3}
ERRORS = {"MAD": 0.0123, "MSE band": 0.0456, "Grad": 7.8}


def record(program, megapixels, number, *, wall_s=1.0, fault=None, errors=None):
    took = {"wall_s": wall_s, "processor_s": 2 * wall_s, "peak_mb": 500.0, "fault": fault, "errors": errors or {}}
    return took | {"program": program, "megapixels": megapixels, "round": number}


def planted(*runs):
    return {"machine": "A machine", "network": NETWORK, "runs": list(runs)}


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_has_medians_and_ratios_and_why_a_program_did_not_live():
    found = planted(
        *(record("tiler", 2, k, wall_s=wall, errors=ERRORS if k == 0 else None) for k, wall in enumerate((9, 2, 3))),
        record("loop", 2, 0, wall_s=12, errors=ERRORS),
        record("monai", 2, 0, fault="over 12000 MB"),
        record("loop", 0.5, 0, wall_s=4),
    )
    above, _, _, _, small, ours, peer, dead = results.markdown(found).splitlines()
    assert above.startswith("A machine.")
    assert cells(ours) == ["2", "tiler, as it comes", "6.0", "3.0", "1.00", "500", "0.0123", "0.0456", "7.80", "3"]
    assert cells(peer)[2:5] == ["24.0", "12.0", "4.00"]
    assert cells(dead)[1:3] == ["MONAI SlidingWindowInferer", "did not live: over 12000 MB"]
    assert cells(small)[3:5] == ["4.0", ""]  # tiler has no time at that size
    assert {line.count("|") for line in (small, ours, peer, dead)} == {11}


def test_a_line_of_the_picture_ends_where_its_program_did_not_live():
    found = planted(
        record("tiler", 2, 0), record("tiler", 8, 0), record("loop", 2, 0), record("loop", 8, 0, fault="over 9 s")
    )
    time, *_ = results.figure(found).axes
    lengths = {line.get_label(): len(line.get_xdata()) for line in time.lines}
    assert lengths["tiler, as it comes"] == 2
    assert lengths["a loop with a feather window"] == 1


def run(tmp_path, *command, limit_s=60.0, limit_mb=1e6):
    return run_limited(list(command), tmp_path / "log", limit_s, limit_mb, dict(os.environ))


def test_a_run_over_its_time_is_killed_with_all_that_it_started(tmp_path):
    done = run(tmp_path, "sh", "-c", "sleep 60 & echo $!; wait", limit_s=0.2)
    assert done.fault == "over 0.2 s"
    assert done.wall_s < 10
    assert_ended((tmp_path / "log").read_text())


def test_an_interrupt_ends_the_run_as_well(tmp_path, monkeypatch):
    def interrupt(_):
        while not (tmp_path / "log").read_text():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(limited, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "sh", "-c", "echo $$; sleep 60")
    assert_ended((tmp_path / "log").read_text())


def assert_ended(number):
    """The process is gone, or only its parent has not asked how it ended."""
    for _ in range(200):
        stat = Path("/proc") / number.strip() / "stat"
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        sleep(0.01)
    pytest.fail(f"process {number} is alive")


def test_a_run_over_its_memory_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(limited, "LOOK_AT_MEMORY_S", 0)
    done = run(tmp_path, "sleep", "60", limit_mb=0.01)
    assert done.fault == "over 0.01 MB"
    assert done.peak_mb > 0.01


def test_a_run_that_ends_has_no_fault_and_one_that_fails_says_why(tmp_path):
    assert run(tmp_path, "true").fault is None
    said = "Traceback:\n  File\nMemoryError: Unable to allocate 9 GiB\n"
    assert run(tmp_path, "sh", "-c", f"printf '{said}' >&2; exit 1").fault == "MemoryError: Unable to allocate 9 GiB"
    assert run(tmp_path, "sh", "-c", "exit 3").fault == "exit code 3"
    assert run(tmp_path, "sh", "-c", "kill -9 $$").fault == "killed by signal 9"


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    """A function that measures with planted runs in the place of processes; it returns the JSON and what was run."""
    (tmp_path / "p.jpg").touch()
    (tmp_path / "p_alpha.png").touch()
    ran = []

    def run_all(lives, *words, wrong=False):
        def asked(script, *words):
            if script == "alpha_errors.py" and wrong:
                raise subprocess.CalledProcessError(1, script)
            sizes = {f"{float(size):g}": str(tmp_path) for size in words[3:]}
            ready = {"machine": "A machine", "scenes": sizes, "graph": "g", "u2net_home": "u"}
            return {"prepare.py": ready, "peak.py": NETWORK, "alpha_errors.py": ERRORS}[script]

        def run_one(_command, log, *_):
            ran.append(log.stem)
            return Run(1, 2, 3, lives(log.stem))

        ran.clear()
        monkeypatch.setattr(measure, "run_limited", run_one)
        monkeypatch.setattr(measure, "asked", asked)
        work = ["--work", str(tmp_path / "work"), "--programs", "tiler", "tiler-dense"]
        monkeypatch.setattr("sys.argv", ["measure.py", str(tmp_path), *work, *words])
        assert measure.main() == 0
        return json.loads((tmp_path / "work" / "peers.json").read_text()), list(ran), capsys.readouterr().out

    return run_all


def test_programs_take_turns_and_a_stopped_measurement_goes_on(measured):
    words = ("--megapixels", "2", "--rounds")
    found, ran, _ = measured(lambda _: None, *words, "2")
    assert ran == ["tiler-2", "tiler-dense-2"] * 2
    assert [run["errors"] for run in found["runs"]] == [ERRORS, ERRORS, {}, {}]
    assert measured(lambda _: None, *words, "3")[1] == ["tiler-2", "tiler-dense-2"]


def test_a_program_that_is_killed_is_a_row_and_is_not_run_again_nor_at_larger_sizes(measured):
    found, ran, table = measured(
        lambda run: "over 5 s" if run == "tiler-dense-8" else None, "--megapixels", "24", "2", "8", "--rounds", "2"
    )
    assert [name for name in ran if name.startswith("tiler-dense")] == [
        "tiler-dense-2",
        "tiler-dense-2",
        "tiler-dense-8",
    ]
    assert ran[-2:] == ["tiler-24", "tiler-24"]
    assert "did not live: over 5 s" in table
    assert "did not live: not tried: at 8 MP, over 5 s" in table
    assert [run["errors"] for run in found["runs"] if run["fault"]] == [{}, {}]


def test_an_alpha_that_cannot_be_compared_is_a_row_as_well(measured):
    found, _, table = measured(lambda _: None, "--megapixels", "2", "--rounds", "2", wrong=True)
    assert len(found["runs"]) == 2
    assert table.count("did not live: wrote no alpha of the picture's size") == 2


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 70), st.integers(0, 99))
def test_errors_by_strips_are_those_of_the_whole_picture(strip_rows, seed):
    random = np.random.default_rng(seed)
    truth = np.zeros((60, 40), np.uint8)
    truth[random.integers(0, 60) :, random.integers(0, 40) :] = 255
    alpha = random.integers(0, 256, truth.shape).astype(np.uint8)
    ours, true = (np.divide(array, 255, dtype=np.float32) for array in (alpha, truth))
    found = alpha_errors.errors(alpha, truth, strip_rows)
    band = metrics.band(true, band_px(true.shape))
    assert found["MAD"] == pytest.approx(metrics.mad(ours, true), rel=1e-4)
    assert found["Grad"] == pytest.approx(metrics.grad(ours, true), rel=1e-4)
    assert found["MSE band"] == pytest.approx(metrics.mse(ours, true, band) if band.any() else 0, rel=1e-4)


@pytest.mark.parametrize("peer", [loop, dask_overlap], ids=lambda peer: peer.__name__)
def test_a_network_that_looks_at_single_pixels_gets_its_picture_back(peer, tmp_path, monkeypatch):
    """So these peers have no fault of our making: each tile lies where it belongs, and weights sum to 1."""
    rgb = np.random.default_rng(1).integers(0, 256, (520, 900, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", rgb, photometric="rgb", tile=(512, 512))
    monkeypatch.setattr(peer, "open_network", lambda *_, **__: RedIsAlpha().alpha)
    peer.main(str(tmp_path / "p.tif"), "graph", str(tmp_path / "a.tif"))
    assert np.abs(tifffile.imread(tmp_path / "a.tif").astype(int) - rgb[..., 0]).max() <= 1


def test_the_operations_of_a_network_are_those_of_its_convolutions(tmp_path):
    """Of 4 filters of 3 x 3 x 3 at every second pixel: 256 x 256 x 4 x 27 multiplications, and as many additions."""
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("input", "output")]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 3, 3, 3], np.zeros(108))
    node = helper.make_node("Conv", ["input", "w"], ["output"], strides=[2, 2], pads=[1, 1, 1, 1])
    onnx.save(helper.make_model(helper.make_graph([node], "g", sides[:1], sides[1:], [weights])), tmp_path / "g.onnx")
    assert peak.operations(str(tmp_path / "g.onnx")) == 2 * 256 * 256 * 4 * 27
