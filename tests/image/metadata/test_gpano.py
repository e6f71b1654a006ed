import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.metadata.gpano import is_full_turn

RDF = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"><rdf:Description rdf:about="" {attributes}>{elements}'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def xmp_packet(as_elements, **properties):
    attributes = " ".join(f'GPano:{name}="{value}"' for name, value in properties.items())
    elements = "".join(f"<GPano:{name}>{value}</GPano:{name}>" for name, value in properties.items())
    text = RDF.format(attributes="" if as_elements else attributes, elements=elements if as_elements else "")
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{text}<?xpacket end="w"?>'.encode()


@pytest.mark.parametrize("as_elements", [True, False])
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_it_is_a_full_turn_if_no_width_was_cropped(as_elements, full, cropped):
    xmp = xmp_packet(
        as_elements, ProjectionType="equirectangular", FullPanoWidthPixels=full, CroppedAreaImageWidthPixels=cropped
    )
    assert is_full_turn(xmp, (100, 300)) == (full == cropped)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_without_widths_the_picture_must_be_twice_as_wide_as_high(height, width):
    xmp = xmp_packet(False, ProjectionType="equirectangular")
    assert is_full_turn(xmp, (height, width)) == (width == 2 * height)
    assert is_full_turn(xmp, (height, 2 * height))


def test_other_projections_and_pictures_without_xmp_are_no_full_turn():
    assert not is_full_turn(None, (100, 200))
    assert not is_full_turn(xmp_packet(False, ProjectionType="cylindrical", FullPanoWidthPixels=9), (100, 200))
    assert not is_full_turn(xmp_packet(False), (100, 200))


@given(st.binary(max_size=200))
def test_a_damaged_packet_is_no_error(junk):
    assert not is_full_turn(junk, (100, 200))
    good = xmp_packet(False, ProjectionType="equirectangular")
    assert not is_full_turn(b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + good, (100, 200))
    assert not is_full_turn(good[:-30], (100, 200))
