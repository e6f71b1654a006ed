"""What a network is fed and what it answers with: the two halves of its contract, as values."""

from dataclasses import dataclass
from typing import Literal

Fit = Literal["free", "multiple", "square-squash", "square-letterbox", "fixed"]
Pad = Literal["mirror", "edge", "black", "zero"]
Layout = Literal["hwc", "nhwc", "nchw"]
Activation = Literal["none", "sigmoid", "softmax"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimap:
    """How a network is told what of the picture is known, beside the picture itself.

    values: the numbers that stand for background, not known, and foreground. They are fed as they are: scale, mean and
    std are for the colours alone.
    tensor: the name of its own tensor in the graph, of one channel, in the layout of the picture. None if it is one
    channel more of the picture's tensor, after the colours.
    """

    values: tuple[float, float, float]
    tensor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What the network is fed: the picture as (pixels / 255 x scale - mean) / std.

    tensor: its name in the graph; None for the first that an ONNX graph takes.
    layout: of its axes. n is the batch, of one picture; nhwc and nchw have it, hwc does not.
    channels: their order, "rgb" or "bgr".
    fit: "free" takes any size, "multiple" any whose sides are multiples of `multiple_px`: pictures are continued below
    and to the right. "square-squash" takes one size, to which pictures are resized without regard to their aspect;
    "square-letterbox" keeps the aspect, at the top left. That size is written into the graph; where the graph takes
    any, it is a square of the guide's size. "fixed" is a squash to a size that is no square, written into the graph.
    pad: what continues a picture that is smaller than what the network takes: "mirror" its mirror image, "edge" its
    last pixels, "black" 0 before mean and std, "zero" 0 after them. None is "mirror" for a multiple, and "black" for a
    letterbox.
    scale: what white is before mean and std; 255 or 1.
    mean, std: of each channel, in the order of `channels`.
    trimap: how it is told what is known; None for a network that takes the picture alone.
    """

    tensor: str | None = None
    layout: Layout
    channels: Literal["rgb", "bgr"]
    fit: Fit
    multiple_px: int = 1
    pad: Pad | None = None
    scale: float
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    trimap: Trimap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What it answers with, in the layout of its input.

    tensor: its name in the graph; None for the first that an ONNX graph gives. channel: which channel is the alpha.
    activation: what makes a share of its numbers: "none" where the graph ends in one, "sigmoid" where it gives logits,
    "softmax" where it gives a logit for each channel.
    scale: what full alpha is after that; 255 or 1.
    stretch: "minmax" stretches the least and the greatest alpha to 0 and 1. That depends on all of the picture, so only
    a network of the role "guide" may ask for it.
    """

    tensor: str | None = None
    channel: int = 0
    activation: Activation = "none"
    scale: float
    stretch: Literal["none", "minmax"] = "none"
