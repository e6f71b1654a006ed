import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.fakes import RecordedProgress
from tests.image.pictures import boxes
from tiler.core.geometry import Box
from tiler.errors import OutputError
from tiler.image.layers import soft
from tiler.image.layers.soft import cell_px, softened
from tiler.progress import Silent

SHAPE = (150, 181)
VALUES = np.random.default_rng(3).random((*SHAPE, 2), np.float32)


def whole(sigma, tmp_path, values=VALUES):
    with softened(lambda box: values[box.slices], SHAPE, 2, sigma, tmp_path, Silent()) as read:
        return read(Box.whole(SHAPE))


@pytest.mark.parametrize("sigma", [0.6, 3, 8, 17])
def test_it_is_a_gaussian(tmp_path, sigma):
    """Of noise, which is the hardest for cells; away from the borders, beyond which a cell goes on and not a pixel."""
    wanted = ndimage.gaussian_filter(VALUES.astype(float), (sigma, sigma, 0), mode="nearest", truncate=3)
    inner = (slice(60, -60), slice(60, -60)) if cell_px(sigma) > 1 else ()
    assert np.abs(whole(sigma, tmp_path) - wanted)[inner].max() <= 0.05 / sigma**2 + 1e-3
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=20)
@given(st.data(), st.sampled_from([1.5, 9.0, 33.0]))
def test_a_box_is_a_part_of_the_whole(tmp_path_factory, data, sigma):
    folder = tmp_path_factory.mktemp("scratch")
    box = data.draw(boxes(SHAPE))
    with softened(lambda one: VALUES[one.slices], SHAPE, 2, sigma, folder, Silent()) as read:
        np.testing.assert_array_equal(read(box), read(Box.whole(SHAPE))[box.slices])


@pytest.mark.parametrize("sigma", [2, 20, 300])
def test_what_is_flat_stays(tmp_path, sigma):
    np.testing.assert_allclose(whole(sigma, tmp_path, np.full((*SHAPE, 2), 0.3, np.float32)), 0.3, rtol=1e-6)


def test_cells_grow_with_sigma_and_stay_smaller_than_a_band():
    assert [cell_px(sigma) for sigma in (0.5, 7.9, 8, 16, 100, 10**6)] == [1, 1, 2, 4, 16, 256]


def test_bands_are_counted_and_a_full_disk_is_an_error(tmp_path, monkeypatch):
    progress = RecordedProgress()
    with softened(lambda box: VALUES[box.slices], SHAPE, 2, 20, tmp_path, progress):
        assert (progress.stages, progress.steps) == ([("soften", 1)], [1])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soft.LevelWriter, "append", full)
    with (
        pytest.raises(OutputError, match="No space left"),
        softened(lambda box: VALUES[box.slices], SHAPE, 2, 20, tmp_path, Silent()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
