#!/usr/bin/env python
"""Compare two networks that should answer the same: MODNet by TensorFlow and by onnxruntime, for example.

Each sees every picture of the folders at its working size, in a process of its own, in float32, on one thread. Printed
are the largest and the mean distance of their alphas, and the processor time and peak memory of each.

    python scripts/bench/runtimes.py FOLDER [FOLDER ...] --models modnet modnet-onnx
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiler
from scenes import pictures_in
from tiler.memory import peak_memory_mb

Answers = tuple[list[NDArray[np.float32]], float, float | None]


def main() -> int:
    """Ask both, print what differs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--models", nargs=2, default=["modnet", "modnet-onnx"])
    chosen = options.parse_args()
    pictures = pictures_in(chosen.folders)
    found = [in_a_process(model, pictures) for model in chosen.models]
    off = [np.abs(first - second) for first, second in zip(found[0][0], found[1][0], strict=True)]
    print(f"{len(pictures)} pictures; alphas differ by at most {max(one.max() for one in off):.5f}, ", end="")
    print(f"by {np.mean([one.mean() for one in off]):.6f} on average")
    beyond = sum(int((one > 2e-3).sum()) for one in off)
    print(f"more than .002 apart: {beyond} of {sum(one.size for one in off)} pixels")
    for model, (_, seconds, mb) in zip(chosen.models, found, strict=True):
        memory = "not known" if mb is None else f"{mb:.0f} MB"
        print(f"{model}: {seconds / len(pictures):.2f} s of processor time a picture, peak memory {memory}")
    return 0


def in_a_process(model: str, pictures: Sequence[Path]) -> Answers:
    """Return the answers of `model`, its processor time in seconds and its peak memory in MB."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(answers, model, pictures).result()


def answers(model: str, pictures: Sequence[Path]) -> Answers:
    """Return what `in_a_process` does, of this process; the first picture is shown once more, before the clock runs."""
    with tiler.open_model(model, precision="f32", device="cpu", threads=1) as network:
        shown = [shrunk(path, network.card.guide_px) for path in pictures]
        network.alpha(shown[0])
        began = process_time()
        alphas = [network.alpha(rgb) for rgb in shown]
        return alphas, process_time() - began, peak_memory_mb()


def shrunk(path: Path, guide_px: int) -> NDArray[np.float32]:
    """Return (h, w, 3) RGB of the picture at a short side of `guide_px`."""
    with Image.open(path) as image:
        scale = guide_px / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), np.float32)


if __name__ == "__main__":
    sys.exit(main())
