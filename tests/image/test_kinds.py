"""Every kind of file holds, when read, the samples that were put into it."""

from contextlib import closing

import numpy as np
import pytest

from tests.image.kinds import Kind, kinds
from tiler.core.geometry import Box, Span
from tiler.image.open import open_source


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.name)
def test_the_samples_read_are_those_written(tmp_path, kind: Kind):
    if kind.extra:
        pytest.importorskip(kind.extra)
    path = tmp_path / "picture"
    kind.write(path)
    with closing(open_source(path)) as source:
        got = source.read(Box.whole(source.shape))
        assert (source.shape, source.dtype) == (kind.truth.shape[:2], kind.truth.dtype)
        top = 1 if got.dtype.kind == "f" else np.iinfo(got.dtype).max
        off = np.abs(got.astype(float) - kind.truth) / top
        assert off.mean() <= kind.off[0]
        assert off.max() <= kind.off[1]
    with closing(open_source(path)) as source:
        band = Box(Span(0, 17), Span(0, source.shape[1]))
        np.testing.assert_array_equal(source.read(band), got[:17])
