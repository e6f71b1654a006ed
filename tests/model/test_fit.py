import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.model.contract import Input, Output, Trimap
from tiler.model.fit import activated, alpha_of, fed, letterbox, planes_of, stretched, trimap_fed, unfitted

SIDES = st.tuples(st.integers(1, 70), st.integers(1, 70))
SMALL = st.tuples(st.integers(1, 20), st.integers(1, 20))


def pixels(shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (*shape, 3)).astype(np.float32)


def an_input(**fields):
    return Input(**{"tensor": "in", "layout": "hwc", "channels": "rgb", "fit": "free", "scale": 255, **fields})


def fitted(rgb, given, square):
    """What the network is fed, as pixels: neither ordered nor normalised."""
    return fed(rgb, given, square)


def an_output(**fields):
    return Output(**{"tensor": "out", "scale": 1, **fields})


@given(shape=SIDES, layout=st.sampled_from(["hwc", "nhwc", "nchw"]), channels=st.sampled_from(["rgb", "bgr"]))
def test_layout_and_order_are_what_they_say(shape, layout, channels):
    rgb = pixels(shape)
    tensor = fed(rgb, an_input(layout=layout, channels=channels), (9, 9))
    (batch, rows, cols, first) = (
        (tensor[None] if layout == "hwc" else tensor).shape
        if layout != "nchw"
        else (tensor.shape[0], tensor.shape[2], tensor.shape[3], tensor.shape[1])
    )
    assert (batch, rows, cols, first) == (1, *shape, 3)
    np.testing.assert_array_equal(planes_of(tensor, layout), rgb if channels == "rgb" else rgb[..., ::-1])
    assert tensor.flags.c_contiguous


@given(scale=st.sampled_from([1.0, 255.0]), channels=st.sampled_from(["rgb", "bgr"]))
def test_mean_and_std_are_of_the_channels_in_the_order_of_the_card(scale, channels):
    rgb = pixels((4, 5))
    mean, std = np.array([0.4, 0.5, 0.6], np.float32), np.array([0.2, 0.3, 0.25], np.float32)
    card = an_input(scale=scale, channels=channels, mean=tuple(mean), std=tuple(std))
    ordered = rgb if channels == "rgb" else rgb[..., ::-1]
    np.testing.assert_allclose(fed(rgb, card, (9, 9)), (ordered / 255 * scale - mean) / std, rtol=1e-4, atol=1e-4)


def continued(rgb, shape, pad):
    """Pixel by pixel: the oracle of `pad`."""
    height, width = rgb.shape[:2]
    out = np.zeros((*shape, 3), np.float32)
    for y, x in np.ndindex(*shape):
        if y < height and x < width:
            out[y, x] = rgb[y, x]
        elif pad == "edge":
            out[y, x] = rgb[min(y, height - 1), min(x, width - 1)]
        elif pad == "mirror":
            out[y, x] = rgb[mirrored(y, height), mirrored(x, width)]
    return out


def mirrored(k, side):
    k %= 2 * side
    return min(k, 2 * side - 1 - k)


@given(shape=SMALL, multiple=st.integers(2, 40), pad=st.sampled_from([None, "mirror", "edge", "black"]))
def test_a_multiple_is_reached_as_the_card_says_and_cut_back_exactly(shape, multiple, pad):
    rgb = pixels(shape)
    card = an_input(fit="multiple", multiple_px=multiple, pad=pad)
    padded = fitted(rgb, card, (9, 9))
    assert all(side % multiple == 0 and side - old < multiple for side, old in zip(padded.shape, shape, strict=False))
    np.testing.assert_array_equal(padded, continued(rgb, padded.shape[:2], pad or "mirror"))
    np.testing.assert_array_equal(unfitted(padded[..., 0], card, shape, (9, 9)), rgb[..., 0])


@given(shape=SMALL, fit=st.sampled_from(["multiple", "square-letterbox"]))
def test_zero_is_after_mean_and_std_and_black_before(shape, fit):
    norm = {"scale": 1, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}
    sides = {"multiple": {"multiple_px": 13}, "square-letterbox": {}}[fit]
    zero, black = (
        fed(pixels(shape), an_input(fit=fit, pad=pad, **sides, **norm), (31, 31)) for pad in ("zero", "black")
    )
    height, width = letterbox(shape, (31, 31)) if fit == "square-letterbox" else shape
    beside = np.ones(zero.shape[:2], bool)
    beside[:height, :width] = False
    np.testing.assert_array_equal(zero[~beside], black[~beside])
    assert (zero[beside] == 0).all()
    np.testing.assert_allclose(black[beside], np.broadcast_to([-2, -5 / 3, -2.4], black[beside].shape), rtol=1e-5)


@given(shape=SIDES, square=SIDES)
def test_a_letterbox_keeps_the_aspect_and_touches_one_side(shape, square):
    inner = letterbox(shape, square)
    assert inner[0] <= square[0]
    assert inner[1] <= square[1]
    assert inner[0] == square[0] or inner[1] == square[1]
    exact = min(square[0] / shape[0], square[1] / shape[1])
    assert all(abs(now - old * exact) <= 1 for now, old in zip(inner, shape, strict=True))


@given(shape=SIDES, fit=st.sampled_from(["square-squash", "square-letterbox", "fixed"]))
def test_a_square_gives_a_smooth_picture_back_at_its_size(shape, fit):
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    ramp = (0.3 + 0.2 * x + 0.3 * y).astype(np.float32)
    card = an_input(fit=fit)
    square = fitted(np.repeat(ramp[..., None] * 255, 3, -1), card, (64, 64))
    assert square.shape == (64, 64, 3)
    back = unfitted(square[..., 0] / 255, card, shape, (64, 64))
    assert back.shape == shape
    # At the border of a letterbox that is 1 px narrow, the black beside it shines in.
    if fit != "square-letterbox" or min(letterbox(shape, (64, 64))) > 8:
        assert np.abs(back - ramp).max() < (0.2 if fit == "square-letterbox" else 0.12)


def test_a_letterbox_is_at_the_top_left_on_black():
    letter = fitted(np.full((10, 20, 3), 200, np.float32), an_input(fit="square-letterbox"), (40, 40))
    assert (letter[:20] == 200).all()
    assert (letter[20:] == 0).all()


def test_an_answer_smaller_than_the_square_is_understood():
    answer = np.linspace(0, 1, 24, dtype=np.float32)[:, None].repeat(24, 1)[None, None]
    for fit in ("square-squash", "square-letterbox"):
        alpha = alpha_of(answer, an_input(layout="nchw", fit=fit), an_output(), (60, 60), (32, 32))
        np.testing.assert_allclose(alpha[30, 30], 0.5, atol=0.05)


@given(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=9))
def test_a_sigmoid_never_overflows(values):
    plane = np.array(values, np.float32)[None, :, None]
    found = activated(plane, an_output(activation="sigmoid"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-plane[..., 0].astype(float))), atol=1e-6)


@given(st.lists(st.floats(-500, 500, width=32), min_size=3, max_size=3), st.integers(0, 2))
def test_a_softmax_is_the_share_of_its_channel(values, channel):
    planes = np.array(values, np.float32)[None, None]
    found = activated(planes, an_output(activation="softmax", channel=channel))
    exact = np.exp(planes.astype(float) - planes.max())
    np.testing.assert_allclose(found[0, 0], exact[0, 0, channel] / exact.sum(), atol=1e-6)


def test_a_stretch_reaches_0_and_1_and_leaves_one_value_alone():
    assert stretched(np.array([[0.25, 0.5, 0.75]], np.float32)).tolist() == [[0, 0.5, 1]]
    assert stretched(np.full((1, 2), 0.25, np.float32)).tolist() == [[0.25, 0.25]]


@pytest.mark.parametrize("scale", [1, 255])
def test_the_scale_of_the_answer(scale):
    answer = np.full((2, 2, 4), 0.5 * scale, np.float32)
    assert alpha_of(answer, an_input(), an_output(scale=scale, channel=3), (2, 2), (9, 9)).tolist() == [[0.5, 0.5]] * 2


def hints(shape, seed=0):
    return (np.random.default_rng(seed).integers(0, 3, shape) / 2).astype(np.float32)


@given(
    shape=SIDES,
    layout=st.sampled_from(["hwc", "nhwc", "nchw"]),
    fit=st.sampled_from(["free", "multiple", "square-squash", "square-letterbox", "fixed"]),
    pad=st.sampled_from([None, "mirror", "edge", "black", "zero"]),
    values=st.sampled_from([(0, 0.5, 1), (0, 128, 255), (-1, 0, 1), (1, 0.5, 0)]),
)
def test_a_trimap_is_fed_in_the_numbers_of_the_card_whatever_becomes_of_the_colours(shape, layout, fit, pad, values):
    """Its three numbers and no others, wherever it is resized; as they are, beside colours that are normalised."""
    said = {"layout": layout, "fit": fit, "pad": pad, "multiple_px": 8 if fit == "multiple" else 1, "mean": (9,) * 3}
    trimap, hint, rgb = Trimap(values=values), hints(shape), pixels(shape)
    both = planes_of(fed(rgb, an_input(**said, std=(7,) * 3, trimap=trimap), (9, 9), hint), layout)
    alone = planes_of(fed(rgb, an_input(**said, std=(7,) * 3), (9, 9)), layout)
    np.testing.assert_array_equal(both[..., :3], alone)
    assert set(np.unique(both[..., 3])) <= {np.float32(value) for value in values}
    if fit in ("free", "multiple"):
        there = both[: shape[0], : shape[1], 3]
        np.testing.assert_array_equal(there, np.asarray(values, np.float32)[(2 * hint).astype(int)])
    own = Trimap(values=values, tensor="trimap")
    apart = planes_of(trimap_fed(hint, own, an_input(**said, trimap=own), (9, 9)), layout)
    np.testing.assert_array_equal(apart[..., 0], both[..., 3])
    np.testing.assert_array_equal(
        planes_of(fed(rgb, an_input(**said, std=(7,) * 3, trimap=own), (9, 9)), layout), alone
    )


def test_what_a_letterbox_adds_is_background():
    card = an_input(fit="square-letterbox", trimap=Trimap(values=(3, 4, 5)))
    tensor = fed(pixels((4, 8)), card, (8, 8), np.ones((4, 8), np.float32))
    assert (tensor[:4, :, 3] == 5).all()
    assert (tensor[4:, :, 3] == 3).all()
