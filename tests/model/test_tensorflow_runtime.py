from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import RecordedProgress
from tests.model import graphs
from tiler.errors import ModelError
from tiler.model.session import open_session
from tiler.model.tensorflow_runtime import TensorFlowSession, choose_device, choose_precision
from tiler.settings import ComputeOptions


def pixels(shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (*shape, 3)).astype(np.float32)


def stand_in(tmp_path, build, **fields):
    directory = graphs.write(tmp_path / build.__name__, build)
    return TensorFlowSession(graphs.card(directory, **fields), directory / "tf_graph.pb", threads=2, precision="f32")


@pytest.fixture(scope="module")
def modnet():
    with closing(open_session(ComputeOptions(threads=2, precision="f32"), RecordedProgress())) as session:
        yield session


@pytest.fixture(scope="module")
def eights(tmp_path_factory):
    eight = {"fit": "multiple", "multiple_px": 8}
    with closing(stand_in(tmp_path_factory.mktemp("eights"), graphs.wants_eights, input=eight)) as session:
        yield session


@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 99))
def test_any_size_is_padded_and_cut_back_exactly(eights, shape, seed):
    rgb = pixels(shape, seed)
    expected = np.clip((rgb[..., 0] - 0.5 * rgb[..., 2]) / np.float32(255), 0, 1)
    found = eights.alpha(rgb)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(shape=st.tuples(st.integers(1, 70), st.integers(1, 70)))
@settings(max_examples=10)
def test_the_embedded_network_takes_any_size(modnet, shape):
    alpha = modnet.alpha(pixels(shape))
    assert alpha.shape == shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_same_pixels_give_the_same_bits_from_four_threads(modnet):
    tiles = [pixels((96, 128), seed) for seed in range(3)] * 4
    expected = [modnet.alpha(tile) for tile in tiles[:3]] * 4
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(modnet.alpha, tiles), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_alpha_leaves_its_argument_alone(eights):
    rgb = pixels((9, 9))
    before = rgb.copy()
    eights.alpha(rgb)
    np.testing.assert_array_equal(rgb, before)


def test_two_networks_in_one_process_do_not_answer_for_each_other(tmp_path):
    rgb = pixels((5, 7))
    with (
        closing(stand_in(tmp_path, graphs.red_less_half_blue)) as first,
        closing(stand_in(tmp_path, graphs.inverted_green)) as second,
    ):
        for _ in range(2):
            np.testing.assert_allclose(
                first.alpha(rgb), np.clip(rgb[..., 0] - 0.5 * rgb[..., 2], 0, 255) / 255, atol=1e-6
            )
            np.testing.assert_allclose(second.alpha(rgb), 1 - rgb[..., 1] / 255, atol=1e-6)


def test_a_card_may_ask_for_blue_first(tmp_path):
    rgb = pixels((5, 7))
    with closing(stand_in(tmp_path, graphs.red_less_half_blue, input={"channels": "bgr"})) as session:
        np.testing.assert_allclose(
            session.alpha(rgb), np.clip(rgb[..., 2] - 0.5 * rgb[..., 0], 0, 255) / 255, atol=1e-6
        )


def test_the_card_says_which_channel_is_alpha(tmp_path):
    rgb = pixels((5, 7))
    with closing(stand_in(tmp_path, graphs.inverted_green, output={"channel": 1})) as session:
        np.testing.assert_allclose(session.alpha(rgb), rgb[..., 1] / 255, atol=1e-6)


def test_alpha_beyond_its_range_is_clipped(tmp_path):
    with closing(stand_in(tmp_path, graphs.overshooting)) as session:
        rgb = np.zeros((1, 2, 3), np.float32)
        rgb[0, 1] = 255
        assert session.alpha(rgb).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("build", "says"),
    [(graphs.broken, "not finite"), (graphs.too_small, "contract"), (graphs.wants_eights, "failed on 7 x 5")],
)
def test_a_bad_answer_is_an_error_and_never_an_alpha(tmp_path, build, says):
    with closing(stand_in(tmp_path, build)) as session, pytest.raises(ModelError, match=says):
        session.alpha(pixels((5, 7)))


def test_a_directory_speaks_for_itself_and_its_graph_tells_its_facts(tmp_path):
    directory = graphs.write(
        tmp_path / "mine",
        lambda image: graphs.rgba(image, graphs.tf.reduce_mean(image, [0, 1])[:1] + 0 * image[..., 0]),
    )
    progress = RecordedProgress()
    with closing(open_session(ComputeOptions(model=str(directory)), progress)) as session:
        assert session.card.name == "mine"
        assert len(session.sha256) == 64
        assert session.graph_report.poolings == 1
    assert any("pools over the whole input in 1 place" in note for note in progress.notes)


@pytest.mark.parametrize("content", [b"", b"this is no graph, as anyone can see", b"\x00" * 4096])
def test_a_file_that_is_no_graph_is_refused(tmp_path, content):
    directory = graphs.write(tmp_path, graphs.broken)
    (directory / "tf_graph.pb").write_bytes(content)
    with pytest.raises(ModelError, match=r"tf_graph\.pb"):
        open_session(ComputeOptions(model=str(directory)), RecordedProgress())


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_graph_cut_short_is_refused(tmp_path, kept):
    directory = graphs.write(tmp_path, graphs.wants_eights)
    whole = (directory / "tf_graph.pb").read_bytes()
    (directory / "tf_graph.pb").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ModelError, match=r"tf_graph\.pb"):
        open_session(ComputeOptions(model=str(directory)), RecordedProgress())


def test_missing_tensors_are_named_beside_those_there_are(tmp_path):
    directory = graphs.write(tmp_path, graphs.inverted_green)
    with pytest.raises(ModelError, match="lacks matte:0") as raised:
        TensorFlowSession(graphs.card(directory, output={"tensor": "matte:0"}), directory / "tf_graph.pb")
    assert "takes input_image:0 and gives output_png:0" in raised.value.remedy


def test_a_graph_other_than_the_card_knows_is_refused(tmp_path):
    directory = graphs.write(tmp_path, graphs.inverted_green)
    with pytest.raises(ModelError, match="not the graph that the card"):
        TensorFlowSession(graphs.card(directory, sha256="0" * 64), directory / "tf_graph.pb")


@pytest.mark.parametrize(
    ("wanted", "flags", "has_gpu", "used"),
    [
        ("auto", "avx2 avx512f avx512_bf16", False, "bf16"),
        ("auto", "avx512f amx_bf16 amx_tile", False, "bf16"),
        ("auto", "avx2 avx512f", False, "f32"),
        ("auto", "avx512_bf16", True, "f32"),
        ("f32", "avx512_bf16", False, "f32"),
        ("bf16", "avx512_bf16", False, "bf16"),
    ],
)
def test_bfloat16_where_the_processor_has_it(tmp_path, wanted, flags, has_gpu, used):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} sse\n")
    assert choose_precision(wanted, has_gpu=has_gpu, cpuinfo=cpuinfo) == used


def test_bfloat16_cannot_be_insisted_on_where_it_is_not(tmp_path):
    assert choose_precision("auto", cpuinfo=tmp_path / "none") == "f32"
    with pytest.raises(ModelError, match="bfloat16"):
        choose_precision("bf16", cpuinfo=tmp_path / "none")


@pytest.mark.parametrize(
    ("wanted", "has_gpu", "used"),
    [("auto", True, "gpu"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "gpu")],
)
def test_the_device_that_is_asked_for_is_used(wanted, has_gpu, used):
    assert choose_device(wanted, has_gpu=has_gpu) == used


@pytest.mark.parametrize(("wanted", "says"), [("cuda", "finds no graphics card"), ("coreml", "runs on cpu or cuda")])
def test_a_device_that_is_not_there_is_never_replaced_by_another(wanted, says):
    with pytest.raises(ModelError, match=says):
        choose_device(wanted, has_gpu=False)
