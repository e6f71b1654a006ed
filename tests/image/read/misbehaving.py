"""A reader that does what its file says: crash, hang, ask for memory, end, or raise."""

import ctypes
import os
import sys
import time
from pathlib import Path

import numpy as np

from tiler.image.read.in_memory import check_size, in_memory
from tiler.image.source import Metadata, Source

ICC = bytes(range(256))
PIXELS = np.arange(5 * 6 * 4, dtype=np.uint16).reshape(5, 6, 4)
METADATA = Metadata(ICC, (300.0, 299.5), b"exif", None, b"iptc", ("One.", "Two."))


def open_file(path: Path, max_pixels: int) -> Source:
    check_size(path, (5, 6), max_pixels, 100, "a picture")
    what = path.read_text()
    if what == "crash":
        ctypes.string_at(1)
    elif what == "abort":
        os.abort()
    elif what == "killed":
        os.kill(os.getpid(), 9)
    elif what == "exit":
        sys.exit(3)
    elif what == "hang":
        time.sleep(1000)
    elif what == "memory":
        np.ones(2**40)
    elif what == "raise":
        raise ZeroDivisionError("odd bytes")
    elif what == "large":
        return in_memory(np.zeros((1000, 1000, 3), np.uint8), (1000, 1000), METADATA)
    print("a library prints this, and it is no pixel", flush=True)
    os.write(1, b"nor is this")
    return in_memory(PIXELS, (5, 6), METADATA, 6, alpha="straight")
