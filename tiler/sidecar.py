"""The file beside every output: what made it, and how to know that it is still the same file.

`cutout.tif` has `cutout.tif.matte.json`. It is written after the output is in its place, so an output whose sidecar
fits was finished. Nothing in it is believed without a look at the bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiler.atomic import atomic_file
from tiler.checksum import content_sha256, sha256_of
from tiler.errors import InputError
from tiler.image.file_state import FileState, state_of
from tiler.model.session import Session
from tiler.progress import Progress, Silent
from tiler.recipe import Recipe, hints_of, parts_of, plan_for
from tiler.report import Report
from tiler.settings import Settings
from tiler.subject import Subject

FORMAT = 1


def sidecar_of(output: Path) -> Path:
    """Return where the sidecar of `output` lies."""
    return output.with_name(f"{output.name}.matte.json")


def write_sidecar(report: Report, recipe: Recipe, output_sha256: str, subject: Subject) -> None:
    """Write the sidecar of a run that is done.

    recipe: with its output options. output_sha256: that of the output as it was written, not as it is found. subject:
    the picture as it was when it was opened, and what its metadata says of its left and right ends. Raises OutputError
    if the disk refuses.
    """
    output = Path(report.output)
    happened = json.loads(report.to_json())
    kept: dict[str, Any] = {
        "format": FORMAT,
        "input": {
            "path": happened.pop("source"),
            **(_kept_state(subject.state) if subject.state else {}),
            "sha256": recipe.source_sha256,
            "full_turn": subject.full_turn,
        },
        "output": {"path": happened.pop("output"), "sha256": output_sha256},
        "recipe": recipe.parts(),
        **happened,
    }
    with atomic_file(sidecar_of(output)) as file:
        file.write((json.dumps(kept, indent=2) + "\n").encode())


def source_in(output: Path) -> str | None:
    """Return the path of the picture that the sidecar of `output` names; None if it has no sidecar of ours."""
    try:
        kept = json.loads(sidecar_of(output).read_text(encoding="utf-8"))
        return str(kept["input"]["path"]) if kept["recipe"] and kept["output"]["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_done(source: Path, output: Path, settings: Settings, session: Session, progress: Progress | None = None) -> bool:
    """Return whether `output` is what a run with these settings and this network would give now.

    The picture is the same if its size and time of change are, or else its sha256. The output's own sha256 is always
    computed. An output with failed tiles is not done. progress: large files are a stage of it.
    """
    progress = progress or Silent()
    try:
        kept = json.loads(sidecar_of(output).read_text(encoding="utf-8"))
        height, width = kept["shape"]
        wraps = settings.matting.wrap
        now = Recipe(
            source_sha256=_sha256_now(source, kept["input"], progress),
            **parts_of(session),
            # Of another picture shape and turn may be wrong, and then the sha256 differs as well.
            plan=plan_for(
                (height, width),
                session.card,
                settings.matting,
                wraps=kept["input"]["full_turn"] if wraps is None else wraps,
            ),
            matting=settings.matting,
            hints=hints_of(settings.hints, progress),
            output=settings.output,
        )
        return (
            kept["format"] == FORMAT
            and not now.differences(kept["recipe"])
            and not kept["failed_tiles"]
            and kept["output"]["sha256"] == content_sha256(output, progress)
        )
    except (InputError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # no sidecar, or one that tiler did not write


def _kept_state(state: FileState) -> dict[str, int]:
    return {"bytes": state.size, "changed_ns": state.changed_ns}


def _sha256_now(source: Path, kept: Mapping[str, Any], progress: Progress) -> str:
    if all(kept[name] == value for name, value in _kept_state(state_of(source)).items()):
        return str(kept["sha256"])
    return sha256_of(source, progress)
