"""Train the refiner on pairs, and freeze it into a TensorFlow graph.

    PYTHONPATH=scripts python -m refiner.train PAIRS STATE.npz --graph OUT/tf_graph.pb --steps 8000

It can be stopped at any time and goes on from STATE.npz, where the weights are kept every 250 steps. Batch n is drawn
from seed n: the same pairs and steps give the same batches. Scenes whose number is a multiple of `HELD_OUT` are not
learnt from; every 250 steps it prints how wrong the answers for them are, in units of the guide's and the fuse's error.
"""

import argparse
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tensorflow as tf
from detail.methods import Alpha, unsure
from numpy.typing import NDArray

import tiler.fuse
from refiner.network import FUSED, GUIDE, PLANES, TILE, apply, weights
from refiner.pairs import LEAST_UNSURE
from tiler.guidance import SURE

CROP_PX = 128
BATCH = 12
HELD_OUT = 9
KEEP_EVERY = 250
FIRST_RATE, LAST_RATE = 1e-3, 1e-5
AVERAGE = 0.995
GUIDE_PX = 2.0
# How often the refiner is to do without the network, its tile and the fuse.
ALONE = 0.15


class Pairs:
    """Tiles with what is to be said of them: planes (h, w, 7) uint8, of which the last is what it should say."""

    def __init__(self, paths: list[Path]) -> None:
        self.planes = []
        self.places = []
        for path in paths:
            with np.load(path) as pair:
                parts = {name: pair[name] for name in pair.files}
            guide, fused, truth = (parts[name].astype(np.float32) / 255 for name in ("guide", "fused", "truth"))
            if min(guide.shape) < CROP_PX:
                continue
            target = placed(truth, fused, guide)
            open_here = unsure(guide)
            if open_here.sum() < LEAST_UNSURE:
                continue
            stack = [parts["rgb"], *(parts[name][..., None] for name in ("guide", "tile", "fused"))]
            self.planes.append(np.concatenate([*stack, np.rint(target * 255).astype(np.uint8)[..., None]], -1))
            self.places.append(np.flatnonzero(open_here).astype(np.int32))

    def batch(self, seed: int, size: int, *, varied: bool) -> NDArray[np.float32]:
        """Return (size, `CROP_PX`, `CROP_PX`, 7) crops in 0..1 around unsure pixels; varied: turned and recoloured."""
        rng = np.random.default_rng([7, seed])
        crops = []
        for n in rng.integers(len(self.planes), size=size):
            planes, places = self.planes[n], self.places[n]
            height, width = planes.shape[:2]
            y, x = divmod(int(places[rng.integers(len(places))]), width)
            top = int(np.clip(y - rng.integers(CROP_PX), 0, height - CROP_PX))
            left = int(np.clip(x - rng.integers(CROP_PX), 0, width - CROP_PX))
            crop = planes[top : top + CROP_PX, left : left + CROP_PX].astype(np.float32) / 255
            if varied:
                crop = _varied(rng, crop)
            crops.append(crop)
        return np.stack(crops)


def placed(truth: Alpha, fused: Alpha, guide: Alpha) -> Alpha:
    """Return the truth with the means of the fused alpha: how much there is, is not for the refiner to say."""
    say = tiler.fuse.say_of(guide)
    with patch.dict(vars(tiler.fuse), TOLERANCE=0.01, AIM=0.009):
        return tiler.fuse._obey(fused + say * (truth - fused), fused, say, GUIDE_PX)


def _varied(rng: np.random.Generator, crop: NDArray[np.float32]) -> NDArray[np.float32]:
    crop = np.rot90(crop, int(rng.integers(4)))
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    crop = crop.copy()
    rgb = crop[..., :3][..., rng.permutation(3)] ** rng.uniform(0.6, 1.6)
    rgb = (rgb - 0.5) * rng.uniform(0.6, 1.2) + 0.5 + rng.uniform(-0.1, 0.1, 3)
    if rng.random() < 0.15:
        rgb = np.repeat(rgb.mean(-1, keepdims=True), 3, -1)
    crop[..., :3] = np.clip(rgb + rng.normal(0, rng.uniform(0, 0.01), rgb.shape), 0, 1)
    if rng.random() < ALONE:
        crop[..., TILE] = crop[..., FUSED] = crop[..., GUIDE]
    return crop


def loss_of(alpha: tf.Tensor, planes: tf.Tensor) -> tf.Tensor:
    """Return the mean error over unsure pixels: of the alpha, of its slopes, and of its means over 2 and 4 pixels."""
    guide, target = planes[..., GUIDE], planes[..., PLANES]
    mask = tf.cast((guide > SURE) & (guide < 1 - SURE), tf.float32)
    wrong = (alpha - target) * mask
    total = tf.reduce_sum(mask) + 1.0

    def size(error: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.sqrt(error * error + 0.01) - 0.1) / total + 2 * tf.reduce_sum(error * error) / total

    slopes = size(wrong[:, 1:] - wrong[:, :-1]) + size(wrong[:, :, 1:] - wrong[:, :, :-1])
    pooled = wrong[..., None]
    coarse = 0.0
    for _ in range(2):
        pooled = tf.nn.avg_pool2d(pooled, 2, 2, "VALID")
        coarse += size(pooled)
    return size(wrong) + 0.7 * slopes + 2 * coarse


def main() -> int:
    """Train, keep, freeze."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--graph", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--minutes", type=float, default=150, help="stop after so long; the same command goes on")
    options = parser.parse_args()
    paths = sorted(options.pairs.glob("*.npz"))
    held = [path for path in paths if int(path.name[:4]) % HELD_OUT == 0]
    own, other = Pairs([p for p in paths if p not in held]), Pairs(held)
    print(f"{len(own.planes)} tiles to learn from, {len(other.planes)} held out", flush=True)
    if not own.planes or not other.planes:
        print("There are too few pairs: render more scenes.", file=sys.stderr)
        return 1
    first = weights(1)
    names = list(first)
    w = {name: tf.Variable(first[name]) for name in names}
    mean = {name: tf.Variable(first[name]) for name in names}
    moments = [{name: tf.Variable(tf.zeros_like(w[name])) for name in names} for _ in range(2)]
    state = {"w": w, "mean": mean, "m": moments[0], "v": moments[1]}
    done = 0
    if options.state.exists():
        with np.load(options.state) as kept:
            done = int(kept["done"])
            for kind, variables in state.items():
                for name in names:
                    variables[name].assign(kept[f"{kind}:{name}"])

    @tf.function  # type: ignore[untyped-decorator]
    def step(planes: tf.Tensor, rate: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(apply(tf, w, planes[..., :PLANES]), planes)
        gradients = tape.gradient(loss, [w[name] for name in names])
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        for name, gradient in zip(names, gradients, strict=True):
            m, v = (moment[name] for moment in moments)
            m.assign(0.9 * m + 0.1 * gradient)
            v.assign(0.999 * v + 0.001 * gradient * gradient)
            w[name].assign_sub(rate * (m / (1 - 0.9**n)) / (tf.sqrt(v / (1 - 0.999**n)) + 1e-8))
            mean[name].assign(AVERAGE * mean[name] + (1 - AVERAGE) * w[name])
        return loss

    @tf.function  # type: ignore[untyped-decorator]
    def answer(planes: tf.Tensor) -> tf.Tensor:
        return apply(tf, mean, planes[..., :PLANES])

    began, losses = time.monotonic(), []
    while done < options.steps:
        if time.monotonic() - began > 60 * options.minutes:
            break
        part = done / options.steps
        rate = LAST_RATE + (FIRST_RATE - LAST_RATE) * (1 + np.cos(np.pi * part)) / 2 * min(1, (done + 1) / 100)
        loss = step(
            tf.constant(own.batch(done, BATCH, varied=True)), tf.constant(rate, tf.float32), tf.constant(done + 1.0)
        )
        losses.append(float(loss))
        done += 1
        if done % KEEP_EVERY == 0 or done == options.steps:
            values = {f"{kind}:{name}": kept[name].numpy() for kind, kept in state.items() for name in names}
            aside = options.state.with_suffix(".part.npz")
            np.savez(aside, done=done, **values)
            aside.replace(options.state)
            said = wrongs(other, answer)
            print(
                f"{done} {(time.monotonic() - began) / 60:.1f} min, loss {np.mean(losses):.4f}, held out {said}",
                flush=True,
            )
            losses.clear()
    freeze({name: mean[name].numpy() for name in names}, options.graph)
    return 0


def wrongs(pairs: Pairs, answer: tf.types.experimental.GenericFunction) -> str:
    """Say the squared and the slopes' error over unsure pixels of held-out crops, relative to guide and fuse."""
    sums = np.zeros((3, 2))
    for n in range(6):
        planes = pairs.batch(n, BATCH, varied=False)
        guide, fused, target = planes[..., GUIDE], planes[..., FUSED], planes[..., PLANES]
        mask = unsure(guide)
        for k, alpha in enumerate((answer(tf.constant(planes)).numpy(), guide, fused)):
            wrong = (alpha - target) * mask
            sums[k] += (wrong**2).sum(), (np.diff(wrong, axis=1) ** 2).sum() + (np.diff(wrong, axis=2) ** 2).sum()
    return " ".join(
        f"{what}: MSE {sums[0, 0] / sums[k, 0]:.3f} slopes {sums[0, 1] / sums[k, 1]:.3f};"
        for k, what in ((1, "/guide"), (2, "/fuse"))
    )


def freeze(values: dict[str, np.ndarray], path: Path) -> None:
    """Write the network as a frozen graph: `planes:0` (n, h, w, 6) in, `alpha:0` (n, h, w) out, weights in 16 bits."""
    graph = tf.Graph()
    with graph.as_default():
        planes = tf.compat.v1.placeholder(tf.float32, (None, None, None, PLANES), "planes")
        w = {name: tf.cast(tf.constant(value.astype(np.float16)), tf.float32) for name, value in values.items()}
        tf.identity(apply(tf, w, planes), "alpha")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph.as_graph_def().SerializeToString())


if __name__ == "__main__":
    sys.exit(main())
