from base64 import b64decode

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image.pictures import SRGB, noise, output_image
from tiler.image.halving import halve
from tiler.image.source import SAMPLES, Metadata
from tiler.image.write import zarr as zarr_writer


@settings(max_examples=15)
@given(
    st.tuples(st.integers(1, 1100), st.integers(1, 600)),
    st.sampled_from(["rgb", "grey", "cmyk"]),
    st.sampled_from(["straight", "premultiplied", None]),
    st.sampled_from([np.uint8, np.uint16]),
)
def test_each_level_is_half_of_the_one_before(tmp_path_factory, shape, colour, alpha, dtype):
    pixels = noise((*shape, SAMPLES[colour] + (alpha is not None)), dtype)
    folder = tmp_path_factory.mktemp("zarr") / "out.zarr"
    zarr_writer.write(folder, output_image(pixels, colour, alpha))
    group = zarr.open_group(folder, mode="r")
    multiscales = group.attrs["ome"]["multiscales"][0]
    for dataset in multiscales["datasets"]:
        got = group[dataset["path"]][:]
        np.testing.assert_array_equal(got, np.moveaxis(pixels, 2, 0))
        scale = dataset["coordinateTransformations"][0]["scale"]
        assert scale == [1, shape[0] / pixels.shape[0], shape[1] / pixels.shape[1]]
        last, pixels = pixels, halve(pixels)
    assert max(last.shape[:2]) <= 512
    assert [axis["type"] for axis in multiscales["axes"]] == ["channel", "space", "space"]
    assert len(group.attrs["ome"]["omero"]["channels"]) == last.shape[2]
    assert group.attrs["tiler"]["alpha"] == alpha


def test_metadata_is_in_the_attributes(tmp_path):
    kept = Metadata(SRGB, (300.0, 300.0), None, b"<x/>", b"\x1c\x02")
    zarr_writer.write(tmp_path / "out.zarr", output_image(noise((4, 5, 4), np.uint8), metadata=kept))
    said = zarr.open_group(tmp_path / "out.zarr", mode="r").attrs["tiler"]
    assert [b64decode(said[name]) for name in ("icc", "xmp", "iptc")] == [kept.icc, kept.xmp, kept.iptc]
    assert b64decode(said["exif"])[:4] == b"II*\0"
    assert said["dpi"] == [300, 300]


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_channels_have_what_the_schema_requires(tmp_path, dtype, white):
    """OME-NGFF 0.5, schema "image": a channel has a window with four numbers, and a colour of six digits."""
    zarr_writer.write(tmp_path / "out.zarr", output_image(np.zeros((4, 5, 5), dtype), "cmyk"))
    for channel in zarr.open_group(tmp_path / "out.zarr", mode="r").attrs["ome"]["omero"]["channels"]:
        assert channel["window"] == {"min": 0, "start": 0, "end": white, "max": white}
        assert len(channel["color"]) == 6
        assert int(channel["color"], 16) >= 0


def test_only_our_own_stores_are_ours(tmp_path):
    zarr_writer.write(tmp_path / "ours.zarr", output_image(noise((4, 5, 4), np.uint8)))
    zarr.create_group(tmp_path / "theirs.zarr", attributes={"ome": {}})
    (tmp_path / "torn.zarr").mkdir()
    (tmp_path / "torn.zarr" / "zarr.json").write_text('{"attributes"')
    names = [path.name for path in sorted(tmp_path.iterdir()) if zarr_writer.is_ours(path)]
    assert names == ["ours.zarr"]
