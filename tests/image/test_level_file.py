from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.pictures import boxes, noise
from tiler.core.geometry import Box, Span
from tiler.errors import OutputError
from tiler.image.level_file import LevelFile, LevelWriter

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]))


def written(folder, pixels, rows):
    level = LevelFile(folder / "0.level", pixels.shape, pixels.dtype)
    with LevelWriter(level) as writer:
        for start in range(0, pixels.shape[0], rows):
            writer.append(pixels[start : start + rows])
    return level


@given(shapes, st.sampled_from([np.uint8, np.uint16, np.float32]), st.integers(1, 50), st.data())
def test_what_is_appended_band_by_band_is_read_in_any_window(tmp_path_factory, shape, dtype, rows, data):
    pixels = noise(shape, np.uint16).astype(dtype)
    level = written(tmp_path_factory.mktemp("level"), pixels, rows)
    box = data.draw(boxes(shape[:2]))
    np.testing.assert_array_equal(level.read(box), pixels[box.slices])
    assert level.is_whole()
    assert level.path.stat().st_size == level.nbytes


@given(st.integers(0, 8 * 600 - 1), st.booleans(), st.integers(0, 599))
def test_every_flipped_bit_and_every_cut_is_found(tmp_path_factory, bit, of_sums, size):
    level = written(tmp_path_factory.mktemp("level"), noise((20, 10, 3), np.uint8), 7)
    path = level.sums if of_sums else level.path
    whole = path.read_bytes()
    flipped = bytearray(whole)
    bit %= 8 * len(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    for damaged in (flipped, whole[: size % len(whole)], whole + b"more"):
        path.write_bytes(damaged)
        assert not level.is_whole()
    path.unlink()
    assert not level.is_whole()


def test_what_is_not_there_is_an_error_and_not_black(tmp_path):
    level = written(tmp_path, noise((20, 10, 3), np.uint8), 7)
    level.path.write_bytes(level.path.read_bytes()[:-31])
    level.read(Box(Span(0, 18), Span(0, 10)))
    for box in (Box(Span(0, 20), Span(0, 10)), Box(Span(18, 19), Span(2, 10))):
        with pytest.raises(OutputError, match=r"0\.level: .* missing or cut short"):
            level.read(box)
    level.path.unlink()
    with pytest.raises(OutputError, match="missing"):
        level.read(Box(Span(0, 1), Span(0, 1)))


def test_what_was_interrupted_is_not_whole(tmp_path):
    level = LevelFile(tmp_path / "0.level", (4, 4, 3), np.dtype(np.uint8))
    with suppress(KeyboardInterrupt), LevelWriter(level) as writer:
        writer.append(np.zeros((4, 4, 3), np.uint8))
        raise KeyboardInterrupt
    assert not level.is_whole()
