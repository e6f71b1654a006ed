import numpy as np
import pytest
from lab import bench
from lab.doors import Remembering
from lab.methods import guide_enlarged, tile_alone, unsure
from PIL import Image
from scipy import ndimage

from tests.fakes import RedIsAlpha
from tiler.engine.solve import on_threads
from tiler.model.card import find_card

COMFORT_PX = 32


class Counting(RedIsAlpha):
    """Alpha is the red channel, and every question is remembered."""

    card = find_card("modnet")

    def __init__(self):
        self.asked = []

    def alpha(self, rgb):
        self.asked.append(rgb.shape[:2])
        return super().alpha(rgb)


def wavy_disc(side=120):
    y, x = np.mgrid[:side, :side] - side / 2
    return np.clip((side / 3 + 5 * np.sin(9 * np.arctan2(y, x)) - np.hypot(y, x)) / 2 + 0.5, 0, 1)


@pytest.fixture
def folder(tmp_path):
    """Four pictures whose red channel is their true alpha."""
    truth = np.rint(wavy_disc() * 255).astype(np.uint8)
    for k in range(4):
        turned = np.rot90(truth, k)
        Image.fromarray(np.stack([turned, 255 - turned, turned // 2], axis=-1)).save(tmp_path / f"p{k}.png")
        Image.fromarray(turned).save(tmp_path / f"p{k}_alpha.png")
    return tmp_path


def test_a_remembering_network_asks_once_and_never_mixes_two_pictures_up(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape).astype(np.float32) for shape in [(8, 6, 3), (6, 8, 3), (8, 6, 3)]]
    network = Counting()
    for _ in range(2):
        remembering = Remembering(network, tmp_path)
        for rgb in pictures:
            assert np.abs(remembering.alpha(rgb) - rgb[..., 0] / 255).max() <= 0.5 / 65535 + 1e-6
    assert len(network.asked) == 3


def test_the_halves_have_no_picture_in_common_and_leave_none_out(folder):
    choose, final = (bench.half_of(folder, half) for half in ("choose", "final"))
    assert not set(choose) & set(final)
    assert sorted(choose + final) == bench.half_of(folder, "all")
    assert [path.stem for path in choose] == ["p0", "p2"]


def test_a_perfect_guide_is_the_truth_made_small_and_the_network_is_not_asked_for_it(folder):
    network = Counting()
    case = bench.open_case(folder / "p1.png", network, COMFORT_PX, perfect=True)
    ((index, base),) = case.given.items()
    assert index == case.plan.levels[-1].index
    assert base.shape == (COMFORT_PX, COMFORT_PX)
    assert base.mean() == pytest.approx(case.truth.mean(), abs=1e-3)
    bench.solved(case, network, guide_enlarged, on_threads(1))
    assert base.shape not in network.asked


@pytest.mark.parametrize("perfect", [False, True])
def test_a_network_that_knows_the_truth_makes_the_tile_alone_best_and_figures_say_so(folder, perfect):
    network = Counting()
    case = bench.open_case(folder / "p0.png", network, COMFORT_PX, perfect=perfect)
    guide, tile = (
        bench.figures(bench.solved(case, network, method, on_threads(1)), case)
        for method in (guide_enlarged, tile_alone)
    )
    assert all(better < 0.5 * worse for better, worse in zip(tile, guide, strict=True))


@pytest.mark.parametrize("name", [name for name in bench.METHODS if name != "closed-form"])
def test_every_method_answers_in_0_to_1_and_leaves_what_the_guide_is_sure_of(name):
    truth = wavy_disc(90).astype(np.float32)
    guide = np.clip(ndimage.gaussian_filter(truth, 3), 0, 1)
    rgb = np.stack([255 * truth, 255 - 255 * truth, 90 + 0 * truth], axis=-1).astype(np.float32)
    alpha = bench.METHODS[name](Counting())(truth, guide, rgb, 2.0)
    assert alpha.shape == guide.shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert np.abs(alpha - guide)[~unsure(guide)].max() < 1e-6
    assert name == bench.DIVISOR or np.abs(alpha - guide).max() > 0.05


def test_the_table_divides_by_the_guide_and_names_the_worst_picture():
    results = {
        "guide": [[0.2, 0.4, 0.8, 0.4], [0.4, 0.4, 0.8, 0.4]],
        "idea": [[0.1, 0.1, 0.8, 0.1], [0.5, 0.3, 0.4, 0.2]],
    }
    *_, row = bench.table(results, {"guide": 0.0, "idea": 0.012}, ["cat", "dog"])
    assert row == "| idea | 1.000 | 0.500 | 0.750 | 0.75 | 1.250 | dog | 12 |"


def test_an_error_finer_than_a_pixel_of_the_base_is_not_coarse_and_one_that_is_wide_is(folder):
    case = bench.open_case(folder / "p0.png", Counting(), COMFORT_PX, perfect=True)
    stripes = np.where(np.arange(case.truth.shape[1]) % 2, 0.2, -0.2).astype(np.float32)
    for error, share in ((stripes, 0.0), (0.2, 1.0)):
        found = bench.figures(case.truth + np.float32(error), case)
        assert found[bench.COARSE] / found[bench.BAND_MSE] == pytest.approx(share, abs=0.01)


def test_one_command_prints_every_table(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "open_session", lambda *_: Counting())
    words = f"detail {folder} --guide-px 32 --methods tile --cache-dir {tmp_path / 'cache'} --keep {tmp_path / 'kept'}"
    monkeypatch.setattr("sys.argv", words.split())
    assert bench.main() == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if "guide of" in line] == [
        "real guide of 32 px, 2 pictures (choose)",
        "perfect guide of 32 px, 2 pictures (choose)",
    ]
    assert told.count("| tile | 0.") == 2
    assert len(list((tmp_path / "kept").iterdir())) == 8
