"""Decoders of whole files, each run in a process of its own: one that crashes, hangs or asks for too much harms no run.

`open_file` starts a fresh Python, never a fork of this process, that imports one reader and little else. What it
decodes comes back in one nameless scratch file, which is memory-mapped: the head below, the samples of the upright
picture, and a description in JSON. The file goes when the picture is closed, however this process ends.
"""

import base64
import json
import os
import struct
import subprocess
import sys
import threading
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

import numpy as np
from PIL import Image

from tiler.errors import InputError, OutputError
from tiler.image.read.in_memory import InMemorySource, damaged, on_size
from tiler.image.source import Metadata, Source

# How many pixels the header states, and where the description begins; each is 0 until it is known.
HEAD = struct.Struct("<QQ")
# Seconds for a picture, and for each of its megapixels. The slowest decoder takes a second for a megapixel, alone.
LEAST_SECONDS, SECONDS_PER_MEGAPIXEL = 120.0, 10.0
# What a decoder may allocate: so many times what is expected of it, and this for its code, stacks and threads.
MEMORY_FACTOR, MEMORY_BESIDES = 2, 2 * 2**30


def open_file(reader: str, path: Path, max_pixels: int, scratch: Path | None) -> Source:
    """Return the picture `path`, decoded by the module `reader` in a process of its own.

    scratch: the directory for the decoded samples; None takes that of the system. Raises InputError as the reader does,
    and if its process crashes, runs out of memory or takes too long; OutputError if the samples have no room.
    """
    try:
        with TemporaryFile(prefix="tiler-", dir=scratch) as file:
            code = _run([reader, str(path), str(max_pixels)], path, file)
            return _received(path, file, code)
    except OSError as error:
        raise OutputError(
            f"{scratch or 'the directory for temporary files'}: the decoded picture has no place: {error.strerror}.",
            "Free some space, or name a directory on another disk with --work-dir.",
        ) from error


def _run(arguments: list[str], path: Path, file: IO[bytes]) -> int:
    """Run the child, whose standard output is `file`, and return its exit code; nothing of it is left behind."""
    # The modules that are found here are found there, and nothing is imported from the current directory by chance.
    found = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    environment = os.environ | {"PYTHONPATH": found, "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, *arguments],
        stdin=subprocess.PIPE,  # it closes when this process ends in whatever way, and the child ends with it
        stdout=file,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        try:
            return child.wait(LEAST_SECONDS)
        except subprocess.TimeoutExpired:
            return child.wait(1 + _head(file)[0] / 1e6 * SECONDS_PER_MEGAPIXEL)
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{path}: decoding took too long and was stopped.",
            "The file is damaged, or this machine is too busy. Save it as a tiled TIFF.",
        ) from error
    finally:
        child.kill()
        child.wait()
        cast(IO[bytes], child.stdin).close()


def _head(file: IO[bytes]) -> tuple[int, int]:
    file.seek(0)
    pixels, at = HEAD.unpack(file.read(HEAD.size).ljust(HEAD.size, b"\0"))
    return pixels, at


def _received(path: Path, file: IO[bytes], code: int) -> Source:
    """Return what the child has written; raise what it reports, or InputError for how it ended."""
    _, at = _head(file)
    if code or not at:
        how = "was killed, most likely because memory ran out" if code == -9 else f"crashed (exit code {code})"
        raise InputError(
            f"{path}: what decodes it {how}; the run itself is unharmed.",
            "The file is damaged or of a rare kind. Save it as a tiled TIFF.",
        )
    file.seek(at)
    found = json.load(file)
    if "what" in found:
        raise InputError(found["what"], found["remedy"])
    if "errno" in found:
        raise OSError(found["errno"], found["strerror"])
    pixels = np.memmap(file, np.dtype(found["dtype"]), "r", HEAD.size, tuple(found["shape"]))
    metadata = Metadata(**{name: _unpacked(value) for name, value in found["metadata"].items()})
    return InMemorySource(pixels, found["colour"], metadata, found["has_alpha"], found["orientation"])


def _packed(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["bytes"])
    return tuple(value) if isinstance(value, list) else value


def _decode(reader: str, path: Path, max_pixels: int, file: IO[bytes]) -> dict[str, Any]:
    """Write the samples after the head, and return the description of the picture or of what went wrong."""

    def expected(pixels: int, memory: int) -> None:
        file.seek(0)
        file.write(HEAD.pack(pixels, 0))
        _limit_memory(memory * MEMORY_FACTOR + MEMORY_BESIDES)

    on_size.set(expected)
    Image.MAX_IMAGE_PIXELS = None  # the limit is that of the run
    try:
        source = import_module(reader).open_file(path, max_pixels)
    except InputError as error:
        return {"what": error.what, "remedy": error.remedy}
    except Exception as error:  # bytes of strangers make decoders raise anything
        refused = damaged(path, "file", error)
        return {"what": refused.what, "remedy": refused.remedy}
    file.seek(HEAD.size)
    try:
        for row in source.pixels:
            rest = memoryview(np.ascontiguousarray(row).data).cast("B")
            while rest:
                rest = rest[file.write(rest) :]
    except OSError as error:
        file.seek(HEAD.size)
        file.truncate()
        return {"errno": error.errno, "strerror": error.strerror}
    blocks = {one.name: _packed(getattr(source.metadata, one.name)) for one in fields(Metadata)}
    return {
        "shape": source.pixels.shape,
        "dtype": source.dtype.str,
        "colour": source.colour,
        "has_alpha": source.has_alpha,
        "orientation": source.orientation,
        "metadata": blocks,
    }


def _limit_memory(more: int) -> None:
    """Let this process allocate `more` bytes than it has; where the system has no such limit, do nothing."""
    if sys.platform == "linux":
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = held + more if hard == resource.RLIM_INFINITY else min(held + more, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _leave_no_core_file() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Decode the file that the arguments name, in the child."""
    reader, path, max_pixels = sys.argv[1:]
    _leave_no_core_file()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Without a buffer, so that what the disk refuses is not tried again.
    with os.fdopen(os.dup(1), "r+b", buffering=0) as file:
        os.dup2(2, 1)  # what libraries print is not taken for pixels
        description = json.dumps(_decode(reader, Path(path), int(max_pixels), file)).encode()
        at = max(HEAD.size, file.seek(0, os.SEEK_END))
        file.seek(at)
        file.write(description)
        file.seek(0)
        file.write(HEAD.pack(0, at))
    # At once: libraries that crash while they are unloaded have done their work.
    os._exit(0)


if __name__ == "__main__":
    main()
