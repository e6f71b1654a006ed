#!/usr/bin/env python
"""Measure tiler beside what people would use instead: one command, one table.

FOLDER holds NAME.jpg (or .png, .tif) and its true alpha, NAME_alpha.png. The picture is brought to each size and
written as a tiled TIFF. Every program mattes it in a process of its own, from file to file, in turn with the others;
the medians of all rounds count. Each peer has an environment with pinned packages, made when it is first needed.

A program that takes longer or more memory than allowed is stopped. That, or its error, is its result: it is not run at
that size again, nor at larger ones. What was measured is in the file of --json at once; the same command goes on there.

    python scripts/bench/peers/measure.py FOLDER --megapixels 2 8 24 100 --work peers --json peers.json
    python scripts/bench/peers/measure.py FOLDER --megapixels 2 --rounds 1 --programs tiler loop --work peers

Of a run: processor seconds and wall, and the peak memory of its largest process, or of all together as sampled twice a
second if that is more. Of its alpha: MAD, MSE in the band and Grad, as in `score.py`. This process imports no arrays,
because on Linux the peak of a process starts at that of the one which started it.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from limited import Run, run_limited
from programs import HERE, PROGRAMS, NotInstalledError, Program, environment_for

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
# Made for processors of today, these are slowed by settings for old builds of BLAS.
BLAS_SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
Record = dict[str, Any]


def main() -> int:
    """Run all that has not been run, print the table, write JSON and picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--megapixels", type=float, nargs="+", default=[2, 8, 24, 100])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--programs", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS))
    options.add_argument("--limit-s", type=float, default=1800, help="seconds that a run may take (1800)")
    options.add_argument("--limit-mb", type=float, default=12_000, help="memory that a run may take, in MB (12000)")
    options.add_argument("--work", type=Path, required=True, help="environments, scenes and logs are kept here")
    options.add_argument("--json", type=Path, help="what was measured (WORK/peers.json)")
    options.add_argument("--figure", type=Path, help="draw time, memory and error over size: .png, .svg")
    chosen = options.parse_args()
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    log = chosen.json or work / "peers.json"
    ready = asked("prepare.py", *map(str, truth_and_picture(chosen.folder)), work, *map(str, chosen.megapixels))
    found: Record = json.loads(log.read_text()) if log.exists() else {"runs": []}
    found |= {"machine": ready["machine"]}
    found.setdefault("network", asked("peak.py", ready["graph"]))
    for megapixels in sorted(chosen.megapixels):
        for number in range(chosen.rounds):
            for name in chosen.programs:
                if is_due(found["runs"], name, megapixels, number):
                    print(f"{megapixels:g} MP, round {number + 1}: {name}", file=sys.stderr)
                    record = measured(PROGRAMS[name], ready, megapixels, found["runs"], work, chosen)
                    record |= {"program": name, "megapixels": megapixels, "round": number}
                    found["runs"].append(record)
                    save(log, found)
    from results import figure, markdown

    print(markdown(found))
    if chosen.figure:
        figure(found).savefig(chosen.figure, dpi=110)
    return 0


def truth_and_picture(folder: Path) -> tuple[Path, Path]:
    """Return the first picture of `folder` with a true alpha, and that alpha; raises SystemExit if there is none."""
    for truth in sorted(folder.glob("*_alpha.png")):
        for suffix in SUFFIXES:
            picture = truth.with_name(truth.stem.removesuffix("_alpha") + suffix)
            if picture.exists():
                return picture, truth
    raise SystemExit(f"There is no NAME.jpg with a NAME_alpha.png in {folder}.")


def is_due(runs: list[Record], name: str, megapixels: float, number: int) -> bool:
    """Return whether a round of a program is to be run: it was not yet, and no round at this size has failed."""
    own = [run for run in runs if run["program"] == name and run["megapixels"] == megapixels]
    return not any(run["fault"] or run["round"] == number for run in own)


def measured(
    program: Program, ready: Record, megapixels: float, runs: list[Record], work: Path, chosen: argparse.Namespace
) -> Record:
    """Return one run of `program` at one size, with its errors if no round before has them."""
    own = [run for run in runs if run["program"] == program.name]
    failed = [run for run in own if run["fault"] and run["megapixels"] < megapixels]
    if failed:
        first = min(failed, key=lambda run: run["megapixels"])
        return asdict(
            Run(fault=f"not tried: at {first['megapixels']:g} MP, {first['fault'].removeprefix('not tried: ')}")
        )
    try:
        python = environment_for(program, work / "environments")
    except NotInstalledError as error:
        return asdict(Run(fault=str(error)))
    with TemporaryDirectory(prefix="run-", dir=work) as name:
        folder, scene = Path(name), Path(ready["scenes"][f"{megapixels:g}"])
        alpha = folder / "alpha.tif"
        places = {"picture": scene / "picture.tif", "alpha": alpha, "graph": ready["graph"], "here": HERE}
        command = [str(python), *(word.format(**places) for word in program.command)]
        variables = surroundings(program, {"TMPDIR": str(folder), "U2NET_HOME": ready["u2net_home"]})
        log = work / f"{program.name}-{megapixels:g}.log"
        record = asdict(run_limited(command, log, chosen.limit_s, chosen.limit_mb, variables))
        known = any(run["errors"] for run in own if run["megapixels"] == megapixels)
        if program.scored and not record["fault"] and not known:
            try:
                record["errors"] = asked("alpha_errors.py", alpha, scene / "alpha.tif")
            except subprocess.CalledProcessError:
                record["fault"] = "wrote no alpha of the picture's size"
    return record


def surroundings(program: Program, more: dict[str, str]) -> dict[str, str]:
    """Return the variables that a program sees: no Python path but, for our own, that of this repository."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", *BLAS_SETTINGS)}
    own = {} if program.packages else {"PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[2], HERE.parent)))}
    return kept | own | more


def asked(script: str, *words: object) -> Record:
    """Return the JSON that one of the scripts beside this one prints, run in this environment."""
    command = [sys.executable, str(HERE / script), *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=surroundings(PROGRAMS["tiler"], {}))
    answer: Record = json.loads(done.stdout.splitlines()[-1])
    return answer


def save(path: Path, found: Record) -> None:
    """Write what was found so that a stop at any time leaves the old file or the new one."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1))
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
