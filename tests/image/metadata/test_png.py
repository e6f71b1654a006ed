import struct
import zlib
from contextlib import closing

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.image.pictures import noise
from tiler.image.metadata.png import metadata_of_png
from tiler.image.open import open_source

PQ = b"\x09\x10\x00\x01"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(path, *chunks, info=None):
    """Write a PNG with further chunks behind its header."""
    Image.fromarray(noise((8, 9, 3), np.uint8)).save(path, "PNG", pnginfo=info)
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
    return path


def test_texts_of_all_kinds_are_read(tmp_path):
    info = PngInfo()
    info.add_text("Title", "bé")
    info.add_text("Comment", "long", zip=True)
    info.add_itxt("Author", "Änn ☃", zip=True)
    info.add_text("Raw profile type exif", "\nexif\n 1\n00\n")
    with closing(open_source(with_chunks(tmp_path / "x", info=info))) as source:
        assert source.metadata.texts == (("Title", "bé"), ("Comment", "long"), ("Author", "Änn ☃"))
        assert source.metadata.notes == ('Its text "Raw profile type exif" is not read, and not in the output.',)


def test_what_the_colours_mean_is_read(tmp_path):
    gamma = struct.pack(">I", 100000)
    path = with_chunks(tmp_path / "x", chunk(b"gAMA", gamma), chunk(b"cICP", PQ), chunk(b"cHRM", b"short"))
    assert metadata_of_png(path).colour == ((b"cICP", PQ), (b"gAMA", gamma))


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"gAMA"]), st.binary(max_size=60)), max_size=4))
def test_damaged_chunks_are_no_error(tmp_path_factory, chunks):
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)[:-5])
    metadata_of_png(path)
