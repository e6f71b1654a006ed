"""The refiner's network: a small U-net that is told all that the fuse knows, and says where its answer should differ.

It works at half, a quarter and an eighth of the resolution and looks `REACH_PX` around. There is no normalisation, so
no pixel's answer depends on anything further away. It answers with a change and how sure it is of it; the change is
scaled by that, and where it is not sure the fused alpha stands.
"""

from typing import Any

import numpy as np

# Red, green and blue come first.
GUIDE, TILE, FUSED = 3, 4, 5
PLANES = 6
# It looks no further than this around a pixel.
REACH_PX = 80
WIDTHS = (24, 40, 64)
MULTIPLE_PX = 8


def layers() -> list[tuple[str, int, int]]:
    """Return the name, and the channels in and out, of every convolution in order."""
    half, quarter, eighth = WIDTHS
    return [
        ("in", 4 * PLANES, half),
        ("half", half, half),
        ("down4", half, quarter),
        ("quarter", quarter, quarter),
        ("down8", quarter, eighth),
        ("eighth1", eighth, eighth),
        ("eighth2", eighth, eighth),
        ("eighth3", eighth, eighth),
        ("up4", eighth + quarter, quarter),
        ("quarter2", quarter, quarter),
        ("up2", quarter + half, half),
        ("half2", half, half),
        ("out", half, 8),
    ]


def weights(seed: int) -> dict[str, np.ndarray]:
    """Return the first weights: He's, and zeros for the last, so that the first answer is no change.

    K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, taken, given in layers():
        scale = 0.0 if name == "out" else np.sqrt(2 / (9 * taken))
        found[f"{name}/w"] = (scale * rng.standard_normal((3, 3, taken, given))).astype(np.float32)
        found[f"{name}/b"] = np.zeros(given, np.float32)
    return found


def apply(tf: Any, w: dict[str, Any], planes: Any) -> Any:
    """Return the refined alpha (n, h, w) of (n, h, w, 6) planes in 0..1, sides multiples of `MULTIPLE_PX`."""

    def conv(x: Any, name: str, *, stride: int = 1, dilation: int = 1) -> Any:
        y = tf.nn.conv2d(x, w[f"{name}/w"], strides=stride, padding="SAME", dilations=dilation)
        return tf.nn.bias_add(y, w[f"{name}/b"])

    def act(x: Any) -> Any:
        return tf.nn.leaky_relu(x, 0.1)

    def up(x: Any, like: Any) -> Any:
        return tf.image.resize(x, tf.shape(like)[1:3], "nearest")

    fused = planes[..., FUSED]
    x = tf.nn.space_to_depth(planes - 0.5, 2)
    half = act(conv(act(conv(x, "in")), "half"))
    quarter = act(conv(act(conv(half, "down4", stride=2)), "quarter"))
    eighth = act(conv(quarter, "down8", stride=2))
    eighth = act(conv(eighth, "eighth1"))
    eighth = act(conv(eighth, "eighth2", dilation=2))
    eighth = act(conv(eighth, "eighth3", dilation=2))
    quarter = act(conv(tf.concat([up(eighth, quarter), quarter], -1), "up4"))
    quarter = act(conv(quarter, "quarter2"))
    half = act(conv(tf.concat([up(quarter, half), half], -1), "up2"))
    half = act(conv(half, "half2"))
    out = tf.nn.depth_to_space(conv(half, "out"), 2)
    return tf.clip_by_value(fused + tf.sigmoid(out[..., 1]) * out[..., 0], 0.0, 1.0)
