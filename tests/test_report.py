import json
from pathlib import Path

from tiler.engine.report import LevelReport
from tiler.report import ModelReport, Report, machine, versions
from tiler.settings import Settings


def test_a_report_is_json_that_says_it_all():
    report = Report(
        source="photo.tif",
        output="cutout.tif",
        shape=(40, 50),
        levels=(LevelReport(1, (20, 25), 1, 0, 0.5), LevelReport(0, (40, 50), 3, 6, 1.5)),
        seconds={"matte": 2.0},
        peak_memory_mb=None,
        model=ModelReport("modnet", "ab", "f32", "cpu", ("nothing",)),
        settings=Settings.of(work_dir=Path("scratch"), threads=2),
        versions={},
        machine="one",
    )
    found = json.loads(report.to_json())
    assert found["levels"][1] == {
        "level": 0,
        "shape": [40, 50],
        "tiles_run": 3,
        "tiles_skipped": 6,
        "seconds": 1.5,
        "tiles_kept": 0,
        "repair": None,
    }
    assert found["settings"]["run"]["work_dir"] == "scratch"
    assert (report.tiles_run, report.tiles_skipped) == (4, 6)


def test_versions_and_machine_are_known():
    assert {"python", "numpy", "dask", "tensorflow"} <= set(versions())
    assert "processors" in machine()
