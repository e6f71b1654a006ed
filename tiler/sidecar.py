"""What lies beside every output: all it takes to make the file again, and to know that it is still the same file.

`cutout.tif` has `cutout.tif.matte.json`. It is written after the output is in its place, so an output whose sidecar
fits was finished. Nothing in it is believed without a look at the bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tiler.atomic import atomic_file
from tiler.progress import Silent
from tiler.report import Report
from tiler.settings import Settings
from tiler.store.workdir import sha256_of, shaping_versions

FORMAT = 1
# Options that change how a run goes, and not a bit of its output.
NO_SAY = ("threads", "fresh", "strict", "max_pixels", "work_dir", "seams", "html")


def sidecar_of(output: Path) -> Path:
    """Return where the sidecar of `output` lies."""
    return output.with_name(f"{output.name}.matte.json")


def write_sidecar(report: Report, fingerprint: Mapping[str, str | int | bool]) -> None:
    """Write the sidecar of a run that is done.

    fingerprint: what shaped the alpha, each part by name, "source sha256" among them.
    Raises OutputError if the disk refuses.
    """
    source, output = Path(report.source), Path(report.output)
    happened = json.loads(report.to_json())
    kept: dict[str, Any] = {
        "format": FORMAT,
        "input": {"path": happened.pop("source"), **_look(source), "sha256": fingerprint["source sha256"]},
        "output": {"path": happened.pop("output"), "sha256": content_sha256(output)},
        "shaping": {"settings": shaping(report.settings), "versions": shaping_versions()},
        "fingerprint": dict(fingerprint),
        **happened,
    }
    with atomic_file(sidecar_of(output)) as file:
        file.write((json.dumps(kept, indent=2) + "\n").encode())


def is_done(source: Path, output: Path, settings: Settings, model_sha256: str, precision: str) -> bool:
    """Return whether `output` is what a run would give now, by its sidecar and by its bytes.

    The picture is the same if its size and time of change are, or else its sha256; the output's sha256 is always
    computed. One with failed tiles, or made by other versions or settings, is not done.
    """
    try:
        kept = json.loads(sidecar_of(output).read_text(encoding="utf-8"))
        return (
            kept["format"] == FORMAT
            and kept["shaping"] == {"settings": shaping(settings), "versions": shaping_versions()}
            and (kept["model"]["sha256"], kept["model"]["precision"]) == (model_sha256, precision)
            and not kept["failed_tiles"]
            and _same_input(source, kept["input"])
            and kept["output"]["sha256"] == content_sha256(output)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no sidecar, or one that is not ours


def content_sha256(path: Path) -> str:
    """Return the sha256 of a file; of a directory, that of the names and sha256 of all files in it, sorted."""
    if not path.is_dir():
        return sha256_of(path, Silent())
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_of(file, Silent())}\n".encode())
    return digest.hexdigest()


def shaping(settings: Settings) -> dict[str, Any]:
    """Return the options that have a say in the output, as JSON would give them back."""
    kept = {name: value for name, value in asdict(settings).items() if name not in NO_SAY}
    return dict(json.loads(json.dumps(kept, default=str)))


def _look(source: Path) -> dict[str, int]:
    status = source.stat()
    return {"bytes": status.st_size, "changed_ns": status.st_mtime_ns}


def _same_input(source: Path, kept: Mapping[str, Any]) -> bool:
    if all(kept[name] == value for name, value in _look(source).items()):
        return True
    return bool(kept["sha256"] == sha256_of(source, Silent()))
