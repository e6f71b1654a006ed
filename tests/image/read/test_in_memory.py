import struct
from pathlib import Path

import numpy as np
import pytest

from tests.image.pictures import noise
from tiler.core.geometry import Box
from tiler.errors import InputError
from tiler.image.own_alpha import straight
from tiler.image.read.in_memory import decoded, in_memory, library
from tiler.image.source import Metadata

PATH = Path("picture.psd")


def raising(error):
    def decode():
        raise error

    return decode


class OwnError(Exception):
    """What a library may raise that nobody has seen yet."""


@pytest.mark.parametrize("error", [OSError, EOFError, LookupError, SyntaxError, struct.error, OwnError])
def test_an_error_of_a_decoder_is_an_input_error_that_names_the_file(error):
    with pytest.raises(InputError, match=r"picture\.psd: the PSD is damaged or cut short \(no\s+end\)"):
        decoded(PATH, "PSD", raising(error("no \n end")))


def test_too_little_memory_is_not_called_damage():
    with pytest.raises(InputError, match="not enough memory for this PSD"):
        decoded(PATH, "PSD", raising(MemoryError()))


def test_an_input_error_of_a_reader_stays_as_it_is():
    with pytest.raises(InputError, match="picture is of another kind") as error:
        decoded(PATH, "PSD", raising(InputError("picture is of another kind", "Save it again.")))
    assert error.value.what == "picture is of another kind"


def test_an_interrupt_is_not_caught():
    with pytest.raises(KeyboardInterrupt):
        decoded(PATH, "PSD", raising(KeyboardInterrupt()))


def test_a_missing_library_is_named_with_the_command_that_installs_it():
    with pytest.raises(InputError, match="this is a camera's raw file") as error:
        library(PATH, "no_such_module", "raw", "camera's raw file")
    assert "pip install 'tiler-matting[raw]'" in error.value.remedy


@pytest.mark.parametrize(("samples", "colour"), [(1, "grey"), (2, "grey"), (3, "rgb"), (4, "rgb")])
def test_samples_beyond_those_of_the_colour_are_dropped(samples, colour):
    pixels = noise((5, 6, samples), np.uint8)
    source = in_memory(pixels, (5, 6), Metadata())
    assert source.colour == colour
    assert not source.has_alpha
    np.testing.assert_array_equal(source.read(Box.whole((5, 6))), pixels[..., : 3 if samples >= 3 else 1])


def test_an_alpha_is_kept_and_what_is_multiplied_by_it_is_divided_by_it():
    pixels = noise((5, 6, 5), np.uint8)
    source = in_memory(pixels, (5, 6), Metadata(), alpha="straight")
    assert source.has_alpha
    np.testing.assert_array_equal(source.read(Box.whole((5, 6))), pixels[..., :4])
    source = in_memory(pixels, (5, 6), Metadata(), alpha="associated")
    np.testing.assert_array_equal(source.read(Box.whole((5, 6))), straight(pixels[..., :4]))


def test_cmyk_must_be_asked_for():
    pixels = noise((5, 6, 4), np.uint8)
    source = in_memory(pixels, (5, 6), Metadata(), colour="cmyk")
    np.testing.assert_array_equal(source.read(Box.whole((5, 6))), pixels)


@pytest.mark.parametrize("shape", [(3, 5, 6, 3), (6, 5, 3), (4, 6), (5,)])
def test_pixels_of_another_size_than_the_header_states_are_refused(shape):
    with pytest.raises(ValueError, match="its header states 6 x 5 px"):
        in_memory(np.zeros(shape, np.uint8), (5, 6), Metadata())
