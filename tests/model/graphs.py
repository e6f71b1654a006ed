"""Small graphs with BSHM's tensors, written by the tests in place of weights that cannot be shipped."""

import os
from dataclasses import replace
from importlib import import_module

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tiler.model.card import find_card
from tiler.model.tensorflow_parts import load_tensorflow

# First as a run does; the whole of TensorFlow has to be had afterwards, too.
load_tensorflow()
tf = import_module("tensorflow")


def definition(build):
    """Return the GraphDef of what `build` makes of the (h, w, 3) input: (h, w, 4), named as BSHM names it."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, (None, None, 3), "input_image")
        tf.identity(build(image), name="output_png")
    return graph.as_graph_def()


def write(directory, build):
    """Write the graph of `build` into `directory` and return that."""
    directory.mkdir(exist_ok=True)
    (directory / "tf_graph.pb").write_bytes(definition(build).SerializeToString())
    return directory


def card(directory, **fields):
    """Return the card of `directory` with some fields changed; `input` and `output` are dictionaries of theirs."""
    found = find_card(str(directory))
    halves = {half: replace(getattr(found, half), **fields.pop(half)) for half in ("input", "output") if half in fields}
    return replace(found, **halves, **fields)


def rgba(image, alpha):
    return tf.concat([image, alpha[..., None]], -1)


def red_less_half_blue(image):
    """Alpha from colours that only RGB order gets right."""
    return rgba(image, image[..., 0] - 0.5 * image[..., 2])


def whole(image):
    """Alpha as `whole_alpha` of the ONNX stand-ins has it, which also knows where it is, and all of the picture."""
    share = image / 255.0
    rows, cols = tf.cast(tf.shape(image)[0], tf.float32), tf.cast(tf.shape(image)[1], tf.float32)
    y = (tf.range(rows) + 0.5) / rows
    x = (tf.range(cols) + 0.5) / cols
    alpha = 0.5 * (0.25 + 0.5 * share[..., 0] - 0.25 * share[..., 2])
    whole = 0.3 * tf.reduce_mean(share[..., 1]) + 0.04 * cols / rows
    return rgba(image, 255.0 * (alpha + 0.1 * y[:, None] + 0.1 * x + whole))


def inverted_green(image):
    return rgba(image, 255.0 - image[..., 1])


def broken(image):
    return rgba(image, tf.math.log(image[..., 0] - 300.0))


def overshooting(image):
    return rgba(image, image[..., 0] * 2.0 - 100.0)


def wants_eights(image):
    """Fails unless both sides are multiples of 8."""
    return red_less_half_blue(tf.nn.depth_to_space(tf.nn.space_to_depth(image[None], 8), 8)[0])


def too_small(image):
    return red_less_half_blue(image)[1:]
