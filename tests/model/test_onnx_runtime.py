from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import product

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.fakes import RecordedProgress
from tests.model import contracts, onnx_graphs
from tests.model.onnx_graphs import known_alpha, known_detail, saved, simple, stand_in
from tiler.errors import ModelError
from tiler.model import onnx_runtime
from tiler.model.card import find_card
from tiler.model.contract import Input, Output, Trimap
from tiler.model.onnx_runtime import CPU, CUDA, OnnxSession, choose_provider

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def pixels(shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (*shape, 3)).astype(np.float32)


def smooth(shape):
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return (255 * np.stack([0.2 + 0.6 * x, 0.5 + 0 * x, 0.9 - 0.6 * y], -1)).astype(np.float32)


def a_card(directory, given=None, said=None, **fields):
    basis = find_card("modnet")
    base_in = {"tensor": "input", "layout": "nchw", "channels": "rgb", "fit": "free", "scale": 1}
    base_out = {"tensor": "output", "scale": 1}
    card = replace(
        basis,
        name="stand-in",
        runtime="onnx",
        graph="net.onnx",
        directory=directory,
        sha256=None,
        input=Input(**base_in | (given or {})),
        output=Output(**base_out | (said or {})),
    )
    return replace(card, **fields)


def opened(tmp_path, model, given=None, said=None, *, device="auto", precision="auto", **fields):
    card = a_card(tmp_path, given, said, **fields)
    path = saved(tmp_path / "net.onnx", model)
    return closing(OnnxSession(card, path, device=device, precision=precision, progress=RecordedProgress()))


NORMS = [{}, IMAGENET, HALF, {"scale": 255.0}, {"scale": 255.0, "mean": (128.0,) * 3, "std": (256.0,) * 3}]


@pytest.mark.parametrize("norm", NORMS, ids=["plain", "imagenet", "half", "pixels", "imgly"])
@pytest.mark.parametrize(("layout", "channels"), list(product(["nchw", "nhwc"], ["rgb", "bgr"])))
def test_the_contract_of_the_card_is_kept(tmp_path, layout, channels, norm):
    model = stand_in(layout=layout, channels=channels, **norm)
    rgb = pixels((7, 9))
    with opened(tmp_path, model, {"layout": layout, "channels": channels, "scale": 1.0, **norm}) as session:
        np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb), atol=1e-5)


WRONG = {
    "mean": ({"mean": (0.4, 0.4, 0.4)}, {}),
    "std": ({"std": (1.0, 1.0, 1.0)}, {}),
    "order": ({"channels": "bgr"}, {}),
    "scale": ({"scale": 255.0}, {}),
    "sigmoid": ({}, {"activation": "none"}),
    "fit": ({"fit": "square-letterbox"}, {}),
}


@pytest.mark.parametrize("what", [*WRONG, None])
def test_whatever_a_card_says_wrong_changes_the_answer(tmp_path, what):
    """The stand-in is a test of the contract only if each part of it has a say."""
    right_in = {**IMAGENET, "fit": "square-squash"}
    wrong_in, wrong_out = WRONG.get(what, ({}, {}))
    model = stand_in(**IMAGENET, sides=(32, 32), gives="logits")
    rgb = smooth((40, 64))
    try:
        with opened(tmp_path, model, right_in | wrong_in, {"activation": "sigmoid"} | wrong_out) as session:
            off = np.abs(session.alpha(rgb) - known_alpha(rgb)).max()
    except ModelError:
        off = 1.0
    assert (off < 0.01) == (what is None)


LETTERBOX = {"sides": (64, 64)}, {"fit": "square-letterbox"}, {"fit": "letterbox", "sides": (64, 64)}
FITS = {
    "fixed": ({"sides": (48, 80)}, {"fit": "fixed"}, {"fit": "squash", "sides": (48, 80)}),
    "square-squash": ({"sides": (64, 64)}, {"fit": "square-squash"}, {"fit": "squash", "sides": (64, 64)}),
    "square-letterbox": LETTERBOX,
    "black": (LETTERBOX[0], LETTERBOX[1] | {"pad": "black"}, LETTERBOX[2] | {"pad": "black"}),
    "zero": (LETTERBOX[0], LETTERBOX[1] | {"pad": "zero"}, LETTERBOX[2] | {"pad": "zero"}),
    "smaller": (LETTERBOX[0] | {"answer_size": 0.75}, *LETTERBOX[1:]),
    "free": ({}, {"fit": "free"}, {"fit": "free"}),
} | {
    f"multiple {pad}": (
        {},
        {"fit": "multiple", "multiple_px": 32, "pad": pad},
        {"fit": "multiple", "multiple": 32, "pad": pad},
    )
    for pad in ("mirror", "edge", "black", "zero")
}


def off_by(tmp_path, built, given, seen):
    """How far the answer to a picture is from that of a stand-in that is fed as `seen` says.

    The last pixels are left out: what is beside a picture shines into them where it is resized.
    """
    rgb = contracts.smooth((70, 40))
    with opened(tmp_path, stand_in(whole=True, **IMAGENET, **built), IMAGENET | given) as session:
        off = np.abs(session.alpha(rgb) - contracts.whole_answer(rgb, mean=IMAGENET["mean"], **seen))
        return off[:-2, :-2].max()


@pytest.mark.parametrize("name", FITS)
def test_a_picture_comes_to_the_size_of_the_network_as_its_card_says(tmp_path, name):
    assert off_by(tmp_path, *FITS[name]) < 0.015


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("fixed", {"fit": "square-letterbox"}),
        ("square-squash", {"fit": "square-letterbox"}),
        ("square-letterbox", {"fit": "square-squash"}),
        ("square-letterbox", {"pad": "zero"}),
        ("zero", {"pad": "black"}),
        ("zero", {"pad": None}),
        ("smaller", {"fit": "square-squash"}),
        ("free", {"fit": "multiple", "multiple_px": 32}),
        ("multiple mirror", {"fit": "free", "multiple_px": 1, "pad": None}),
        ("multiple mirror", {"pad": "black"}),
        ("multiple zero", {"pad": "black"}),
        ("multiple edge", {"pad": "zero"}),
        ("multiple black", {"pad": None}),
    ],
)
def test_another_fit_or_other_pixels_beside_the_picture_change_the_answer(tmp_path, name, wrong):
    built, given, seen = FITS[name]
    assert off_by(tmp_path, built, given | wrong, seen) > 0.03


@pytest.mark.parametrize(
    ("sides", "fit", "takes", "instead"),
    [
        ((48, 80), "square-squash", "80 x 48 px only", '"fixed"'),
        ((48, 80), "free", "80 x 48 px only", '"fixed"'),
        ((64, 64), "free", "64 x 64 px only", '"square-squash"'),
        ((None, None), "fixed", "any size", '"multiple"'),
    ],
)
def test_a_fit_that_is_not_that_of_the_graph_is_an_error(tmp_path, sides, fit, takes, instead):
    with pytest.raises(ModelError, match=takes) as raised:
        opened(tmp_path, stand_in(sides=sides), {"fit": fit})
    assert repr(fit) in raised.value.what
    assert instead in raised.value.remedy


def test_tensors_that_a_card_does_not_name_are_the_first(tmp_path):
    model = stand_in(names=("picture", "mask"), more_outputs=3)
    rgb = pixels((6, 5))
    with opened(tmp_path, model, {"tensor": None}, {"tensor": None}) as session:
        assert (session.card.input.tensor, session.card.output.tensor) == ("picture", "mask")
        np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb), atol=1e-5)


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("logits", {"activation": "sigmoid"}),
        ("two logits", {"activation": "softmax", "channel": 1}),
        ("pixels", {"scale": 255}),
    ],
)
def test_what_it_answers_is_understood(tmp_path, gives, said):
    rgb = pixels((6, 5))
    with opened(tmp_path, stand_in(gives=gives), said=said) as session:
        np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb), atol=1e-5)


@pytest.mark.parametrize("fit", ["square-squash", "square-letterbox"])
def test_a_graph_of_one_size_sees_any_picture(tmp_path, fit):
    with opened(tmp_path, stand_in(sides=(48, 48)), {"fit": fit}) as session:
        for shape in ((48, 48), (96, 200), (31, 20), (1, 1)):
            rgb = smooth(shape)
            found = session.alpha(rgb)
            assert found.shape == shape
            assert np.abs(found - known_alpha(rgb))[2:-2, 2:-2].max(initial=0) < 0.03


def test_a_graph_of_any_size_in_a_square_gets_the_size_of_the_guide(tmp_path):
    nodes = [
        helper.make_node("Shape", ["input"], ["shape"], start=2),
        helper.make_node("Cast", ["shape"], ["sides"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["sides"], ["most"], keepdims=0),
        helper.make_node("Div", ["most", "thousand"], ["share"]),
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "none"], ["black"]),
        helper.make_node("Add", ["black", "share"], ["output"]),
    ]
    arrays = {"thousand": np.float32(1000), "none": np.float32(0)}
    model = onnx_graphs.model_of(nodes, arrays, ("input", [1, 3, None, None]), ("output", [None] * 4))
    with opened(tmp_path, model, {"fit": "square-squash"}, guide_px=320) as session:
        np.testing.assert_allclose(session.alpha(pixels((40, 60))), 0.32, atol=1e-5)


def test_half_precision_is_read_from_the_graph(tmp_path):
    rgb = pixels((6, 5))
    with opened(tmp_path, stand_in(dtype=TensorProto.FLOAT16)) as session:
        np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb), atol=2e-3)


def convolving():
    """A network whose sums have an order: three wide convolutions and a mean over all of the picture."""
    draw = np.random.default_rng(3)
    nodes, arrays, name = [], {}, "input"
    for k, (into, out) in enumerate([(3, 32), (32, 32), (32, 1)]):
        arrays[f"w{k}"] = draw.normal(0, 1 / np.sqrt(9 * into), (out, into, 3, 3)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [name, f"w{k}"], [f"y{k}"], pads=[1, 1, 1, 1]))
        name = f"y{k}"
    nodes += [
        helper.make_node("GlobalAveragePool", [name], ["mean"]),
        helper.make_node("Sub", [name, "mean"], ["centred"]),
        helper.make_node("Sigmoid", ["centred"], ["output"]),
    ]
    return onnx_graphs.model_of(nodes, arrays, ("input", [1, 3, None, None]), ("output", [None] * 4))


def test_the_bytes_do_not_depend_on_threads(tmp_path):
    tiles = [pixels((120, 136), seed) for seed in range(3)] * 6
    with opened(tmp_path, convolving()) as session:
        alone = [session.alpha(tile).tobytes() for tile in tiles[:3]] * 6
        for threads in (1, 2, 4):
            with ThreadPoolExecutor(threads) as pool:
                assert [found.tobytes() for found in pool.map(session.alpha, tiles)] == alone
        assert session.graph_report.poolings == 1
    with opened(tmp_path, convolving()) as again:
        assert [again.alpha(tile).tobytes() for tile in tiles[:3]] == alone[:3]


@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_any_size_is_padded_to_the_multiple_and_cut_back(tmp_path_factory, shape):
    folder = tmp_path_factory.mktemp("multiple")
    halved = simple(
        helper.make_node("AveragePool", ["input"], ["half"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Shape", ["input"], ["shape"]),
        helper.make_node("Resize", ["half", "", "", "shape"], ["large"], mode="nearest"),
        helper.make_node("ReduceMean", ["large"], ["output"], axes=[1], keepdims=1),
    )
    with opened(folder, halved, {"fit": "multiple", "multiple_px": 8}) as session:
        assert session.alpha(np.full((*shape, 3), 51, np.float32)) == pytest.approx(np.full(shape, 0.2), abs=1e-5)


def first_channel(*, start=0, axis=1):
    return [
        helper.make_node("Constant", [], ["from"], value_ints=[start]),
        helper.make_node("Constant", [], ["to"], value_ints=[start + 1]),
        helper.make_node("Constant", [], ["axis"], value_ints=[axis]),
        helper.make_node("Slice", ["input", "from", "to", "axis"], ["first"]),
    ]


BAD = {
    "not finite": ([*first_channel(), helper.make_node("Log", ["first"], ["output"])], "not finite"),
    "logits": (stand_in(gives="logits", scale=1.0), "logits"),
    "wrong rank": (
        [*first_channel(), helper.make_node("Squeeze", ["first"], ["output"])],
        "a tensor of the shape",
    ),
    "cut": (
        [
            *first_channel(),
            helper.make_node("Constant", [], ["one"], value_ints=[1]),
            helper.make_node("Constant", [], ["many"], value_ints=[99]),
            helper.make_node("Constant", [], ["rows"], value_ints=[2]),
            helper.make_node("Slice", ["first", "one", "many", "rows"], ["output"]),
        ],
        "contract",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_an_error_and_never_an_alpha(tmp_path, kind):
    nodes, says = BAD[kind]
    model = nodes if not isinstance(nodes, list) else simple(*nodes)
    rgb = np.zeros((8, 8, 3), np.float32)
    rgb[:, :4] = -255 if kind == "not finite" else 0
    rgb[:, 4:, 2] = 254
    with opened(tmp_path, model) as session, pytest.raises(ModelError) as raised:
        session.alpha(rgb)
    assert says in str(raised.value)


def test_a_channel_that_is_not_there_is_named(tmp_path):
    with opened(tmp_path, stand_in(), said={"channel": 1}) as session, pytest.raises(ModelError, match="1 channels"):
        session.alpha(pixels((4, 4)))


THREE = [(0.0, 0.5, 1.0), (0.0, 128.0, 255.0), (-1.0, 0.0, 1.0)]


def hints(shape, seed=0):
    return (np.random.default_rng(seed).integers(0, 3, shape) / 2).astype(np.float32)


@pytest.mark.parametrize("own", [None, "trimap"], ids=["fourth channel", "own tensor"])
@pytest.mark.parametrize("values", THREE)
@pytest.mark.parametrize(("layout", "channels"), [("nchw", "rgb"), ("nhwc", "bgr")])
def test_a_trimap_is_told_as_the_card_says(tmp_path, values, own, layout, channels):
    model = stand_in(layout=layout, channels=channels, trimap=values, own_tensor=own, **HALF)
    given = {"layout": layout, "channels": channels, "trimap": Trimap(values=values, tensor=own), **HALF}
    rgb, hint = pixels((23, 31)), hints((23, 31))
    with opened(tmp_path, model, given) as session:
        np.testing.assert_allclose(session.alpha(rgb, hint), known_detail(rgb, hint), atol=1e-4)
        np.testing.assert_array_equal(session.meant(rgb, hint), session.meant(rgb, hint))


@pytest.mark.parametrize(
    "wrong",
    [
        {"trimap": Trimap(values=(0, 0.25, 1))},
        {"trimap": Trimap(values=(1, 0.5, 0))},
        {"channels": "bgr"},
        {"mean": (0.4,) * 3},
    ],
    ids=["another number", "upside down", "order", "mean"],
)
def test_a_wrong_card_of_a_network_with_a_trimap_changes_the_answer(tmp_path, wrong):
    given = {"trimap": Trimap(values=(0, 0.5, 1)), **HALF} | wrong
    rgb, hint = pixels((23, 31)), hints((23, 31))
    with opened(tmp_path, stand_in(trimap=(0, 0.5, 1), **HALF), given) as session:
        assert np.abs(session.alpha(rgb, hint) - known_detail(rgb, hint)).max() > 0.02


def test_a_trimap_in_half_precision(tmp_path):
    given = {"trimap": Trimap(values=(0, 0.5, 1), tensor="trimap")}
    model = stand_in(trimap=(0, 0.5, 1), own_tensor="trimap", dtype=TensorProto.FLOAT16)
    with opened(tmp_path, model, given) as session:
        rgb, hint = pixels((9, 9)), hints((9, 9))
        np.testing.assert_allclose(session.alpha(rgb, hint), known_detail(rgb, hint), atol=2e-3)


def test_a_network_with_a_trimap_is_not_asked_without_one(tmp_path):
    given = {"trimap": Trimap(values=(0, 0.5, 1))}
    with opened(tmp_path, stand_in(trimap=(0, 0.5, 1)), given) as session, pytest.raises(ModelError) as raised:
        session.alpha(pixels((9, 9)))
    assert "stand-in needs a trimap" in raised.value.what


def test_a_network_without_a_trimap_does_not_look_at_one(tmp_path):
    with opened(tmp_path, stand_in()) as session:
        rgb = pixels((9, 9))
        np.testing.assert_array_equal(session.alpha(rgb, hints((9, 9))), session.alpha(rgb))


def taking(*names, channels=1):
    """A network that takes more than a picture."""
    return simple(
        helper.make_node("Concat", ["input", *names], ["output"], axis=1),
        more_inputs=[(name, [1, channels, None, None]) for name in names],
    )


ANY = {"trimap": Trimap(values=(0, 0.5, 1))}
OWN = {"trimap": Trimap(values=(0, 0.5, 1), tensor="trimap")}

REFUSED = {
    "no such input": ({"tensor": "image"}, {}, stand_in(), "lacks image"),
    "no such output": ({}, {"tensor": "matte"}, stand_in(), "lacks matte"),
    "one size": ({}, {}, stand_in(sides=(64, 64)), "takes 64 x 64 px only"),
    "one side": ({}, {}, stand_in(sides=(64, None)), "one width and any height"),
    "layout": ({}, {}, stand_in(layout="nhwc", sides=(32, 32)), "channels in the layout nchw"),
    "rank": ({"layout": "hwc"}, {}, stand_in(), "has 4 axes"),
    "bytes": ({}, {}, stand_in(dtype=TensorProto.UINT8), "tensor(uint8)"),
    "trimap": ({}, {}, taking("trimap"), 'under [input.trimap] the three values and tensor = "trimap"'),
    "fourth channel": ({}, {}, stand_in(trimap=(0, 0.5, 1)), "If the fourth is a trimap"),
    "no fourth channel": (ANY, {}, stand_in(), "has 3 channels in the layout nchw, and is given 4"),
    "no such trimap": (OWN, {}, stand_in(), "lacks trimap"),
    "two channels": (OWN, {}, taking("trimap", channels=2), "trimap has 2 channels"),
    "FBA": ({}, {}, taking("image_n", "trimap_transformed", "two_chan_trimap"), "as FBA does"),
    "FBA by other names": ({}, {}, taking("trimap", channels=2), "as FBA does"),
    "RVM": ({}, {}, taking("r1i", "r2i", "r3i", "r4i", "downsample_ratio"), "state from one frame of a video"),
    "MatAnyone": ({}, {}, taking("last_hidden", "sensory"), "state from one frame of a video"),
    "BGMv2": ({}, {}, taking("bgr"), "without the subject"),
    "ZIM": ({}, {}, taking("point_coords", "point_labels"), "pointed at"),
    "CascadePSP": ({}, {}, taking("seg"), "needs a mask"),
    "anything": ({}, {}, taking("depth"), "nothing to give there"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_graph_that_does_not_fit_its_card_is_refused_when_it_is_opened(tmp_path, kind):
    given, said, model, says = REFUSED[kind]
    with pytest.raises(ModelError) as raised, opened(tmp_path, model, given, said):
        pass
    assert says in str(raised.value)
    assert str(tmp_path) in raised.value.what


def test_a_graph_other_than_the_card_knows_is_refused(tmp_path):
    path = saved(tmp_path / "net.onnx", stand_in())
    with pytest.raises(ModelError, match="not the graph that the card"):
        OnnxSession(replace(a_card(tmp_path), sha256="0" * 64), path, progress=RecordedProgress())


def test_bfloat16_cannot_be_had(tmp_path):
    with pytest.raises(ModelError, match="bfloat16"), opened(tmp_path, stand_in(), precision="bf16"):
        pass


@pytest.mark.parametrize(
    ("device", "available", "chosen"),
    [
        ("auto", [CUDA, CPU], CUDA),
        ("auto", ["AzureExecutionProvider", CPU], CPU),
        ("cpu", [CUDA, CPU], CPU),
        ("cuda", [CUDA, CPU], CUDA),
        ("coreml", ["CoreMLExecutionProvider", CPU], "CoreMLExecutionProvider"),
    ],
)
def test_the_provider_that_is_asked_for_is_used(device, available, chosen):
    assert choose_provider(device, available) == chosen


@pytest.mark.parametrize("device", ["cuda", "azure", "gpu", ""])
def test_a_provider_that_is_not_there_is_never_replaced_by_another(device):
    with pytest.raises(ModelError, match="no such provider") as raised:
        choose_provider(device, ["AzureExecutionProvider", CPU])
    assert "It has cpu." in raised.value.remedy


class Card:
    """onnxruntime with a graphics card, which is this processor, off by `wrong`; or that cannot be used after all."""

    def __init__(self, wrong=0.0, works=True):
        self.wrong, self.works = wrong, works

    def __getattr__(self, name):
        return getattr(onnxruntime, name)

    def get_available_providers(self):
        return [CUDA, CPU]

    def InferenceSession(self, content, options, providers):  # noqa: N802
        inner = onnxruntime.InferenceSession(content, options, providers=[CPU])
        name = providers[0][0] if self.works else CPU
        wrong = self.wrong if name == CUDA else 0.0

        class Session:
            get_inputs = staticmethod(inner.get_inputs)

            def get_providers(self):
                return [name]

            def run(self, *arguments):
                return [answer + np.float32(wrong) for answer in inner.run(*arguments)]

        return Session()


@pytest.mark.parametrize(("wrong", "believed"), [(0.001, True), (0.2, False)])
def test_a_graphics_card_is_believed_once_it_agrees_with_the_processor(tmp_path, monkeypatch, wrong, believed):
    monkeypatch.setattr(onnx_runtime, "load_onnxruntime", lambda: Card(wrong))
    rgb = pixels((6, 5))
    with opened(tmp_path, stand_in()) as session:
        assert session.device == "gpu"
        for _ in range(2):
            if believed:
                np.testing.assert_allclose(session.alpha(rgb), known_alpha(rgb) + wrong, atol=1e-5)
            else:
                with pytest.raises(ModelError, match=r"off by up to 0\.2 from the processor's"):
                    session.alpha(rgb)


def test_a_graphics_card_that_cannot_be_used_is_said_or_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_runtime, "load_onnxruntime", lambda: Card(works=False))
    progress = RecordedProgress()
    path = saved(tmp_path / "net.onnx", stand_in())
    with closing(OnnxSession(a_card(tmp_path), path, progress=progress)) as session:
        assert session.device == "cpu"
    assert any("cannot use it here; the processor is used" in note for note in progress.notes)
    with pytest.raises(ModelError, match="cannot use it here"):
        OnnxSession(a_card(tmp_path), path, device="cuda", progress=progress)
