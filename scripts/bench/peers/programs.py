"""The programs that are measured, their commands, and the environments of those that are not our own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent.resolve()
COMMON = ("numpy==2.4.6", "pillow==13.0.0", "tifffile==2026.3.3", "imagecodecs==2026.3.6", "onnxruntime==1.32.0")


class NotInstalledError(Exception):
    """An environment could not be made; the message is the last line that pip has printed."""


@dataclass(frozen=True)
class Program:
    """A program: how it is run, and with which packages; none stand for the environment of this process.

    command: the words after `python`, with {picture}, {alpha}, {graph} and {here} for the files and this directory.
    title: what it does, for the table. scored: whether what it writes is an alpha.
    """

    name: str
    title: str
    command: tuple[str, ...]
    packages: tuple[str, ...] = ()
    scored: bool = True


def _tiler(name: str, title: str, *words: str) -> Program:
    return Program(name, title, ("-m", "tiler", "matte", "{picture}", "-o", "{alpha}", "--alpha-only", *words))


def _peer(name: str, title: str, script: str, *packages: str, words: tuple[str, ...] = ()) -> Program:
    command = (f"{{here}}/{script}", "{picture}", "{graph}", "{alpha}", *words)
    return Program(name, title, command, (*COMMON, *packages))


REMBG = ("rembg[cpu]==2.0.86", "pymatting==1.1.16", "scipy==1.17.1")
PROGRAMS = {
    program.name: program
    for program in (
        _tiler("tiler", "tiler, as it comes"),
        _tiler("tiler-onnx", "tiler, the network of the peers", "--model", "modnet-onnx"),
        _tiler("tiler-dense", "tiler, every tile by the network", "--route", "dense", "--network-levels", "all"),
        Program(
            "limit",
            "the same tiles by plain threads",
            ("{here}/plain_threads.py", "{picture}", "{alpha}"),
            scored=False,
        ),
        _peer("shrink", "the small alpha, enlarged", "shrink.py"),
        _peer("loop", "a loop with a feather window", "loop.py"),
        _peer("pypi-tiler", "PyPI's tiler, Hann windows", "pypi_tiler.py", "tiler==0.6.0"),
        _peer("dask", "dask.array.map_overlap", "dask_overlap.py", "dask[array]==2026.8.0", "zarr==3.1.6"),
        _peer("monai", "MONAI SlidingWindowInferer", "monai_windows.py", "torch==2.13.0", "monai==1.6.1"),
        _peer("rembg", "rembg, u2netp", "rembg_cut.py", *REMBG, words=("only_mask",)),
        _peer("rembg-clean", "rembg, decontaminated", "rembg_cut.py", *REMBG, words=("decontaminate",)),
        _peer("rembg-matting", "rembg, alpha matting", "rembg_cut.py", *REMBG, words=("alpha_matting",)),
    )
}


def environment_for(program: Program, home: Path) -> Path:
    """Return the interpreter that runs `program`; its environment is made in `home` if it is not there yet.

    Programs with the same packages share one. Raises NotInstalledError if it cannot be made.
    """
    if not program.packages:
        return Path(sys.executable)
    folder = home / next(name for name, other in PROGRAMS.items() if other.packages == program.packages)
    python, complete, wanted = folder / "bin" / "python", folder / "packages.txt", "\n".join(program.packages)
    if not complete.exists() or complete.read_text() != wanted:
        print(f"making the environment {folder}", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", *program.packages)
        # Libraries that compile themselves do so when they are first imported, which is no part of a run.
        _run(str(python), "-c", f"import {Path(program.command[0]).stem}")
        complete.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    if done.returncode:
        raise NotInstalledError(f"not installed: {(done.stderr.strip() or 'no message').splitlines()[-1][:100]}")
