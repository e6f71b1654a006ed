import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiler
from tests.test_run import Fake
from tiler.sidecar import is_done, sidecar_of

SETTINGS = tiler.Settings.of(guide_px=48, tile_px=48, overlap_px=12, threads=2)


@pytest.fixture
def done(tmp_path):
    y, x = np.mgrid[:90, :120]
    Image.fromarray(np.stack([x * 2, y * 2, x], axis=-1).astype(np.uint8)).save(tmp_path / "photo.png")
    tiler.matte(tmp_path / "photo.png", tmp_path / "out.png", SETTINGS, model=Fake())
    return tmp_path / "photo.png", tmp_path / "out.png"


def holds(photo, out, settings=SETTINGS, **parts):
    """Whether the output is done, for a network some of whose parts are others."""
    network = Fake()
    for name, value in parts.items():
        setattr(network, name, value)
    return is_done(photo, out, settings, network)


def test_it_tells_what_the_files_are(done):
    photo, out = done
    kept = json.loads(sidecar_of(out).read_text())
    assert kept["input"]["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert kept["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert kept["model"]["sha256"] == Fake.sha256
    assert kept["recipe"]["--tile-px"] == 48
    assert kept["recipe"]["--alpha-only"] is False
    assert sum(level["tiles_run"] for level in kept["levels"]) > 1
    assert kept["seams"] is not None
    assert holds(photo, out)


def test_a_touched_picture_is_still_the_same_and_another_is_not(done):
    photo, out = done
    os.utime(photo, (1, 1))
    assert holds(photo, out)
    Image.new("RGB", (120, 90)).save(photo)
    assert not holds(photo, out)


def test_one_changed_byte_of_the_output_is_seen(done):
    photo, out = done
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    assert not holds(photo, out)


def test_what_has_no_say_is_not_asked_and_what_has_is(done):
    assert holds(*done, SETTINGS.with_options(threads=1, fresh=True, cluster="local:2", html=Path("x")))
    assert not holds(*done, SETTINGS.with_options(tile_px=64))
    assert not holds(*done, SETTINGS.with_options(alpha_only=True))
    assert not holds(*done, SETTINGS.with_options(wrap=True))
    assert not holds(*done, sha256="1" * 64)
    assert not holds(*done, precision="bf16")
    assert not holds(*done, device="gpu")
    assert not holds(*done, card=replace(Fake.card, output=replace(Fake.card.output, tensor="other:0")))


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"format": 1}', "not json"])
def test_a_sidecar_that_is_not_ours_proves_nothing(done, damage):
    photo, out = done
    sidecar_of(out).write_text(damage)
    assert not holds(photo, out)


def test_failed_tiles_are_not_done(done):
    photo, out = done
    kept = json.loads(sidecar_of(out).read_text())
    kept["failed_tiles"] = [{"level": 0}]
    sidecar_of(out).write_text(json.dumps(kept))
    assert not holds(photo, out)
