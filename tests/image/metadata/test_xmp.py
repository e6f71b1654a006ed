from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiler.image.metadata.xmp import extension_named_in, in_utf8, joined, upright_xmp

NAMESPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)
NAME = "0123456789ABCDEF" * 2


def packet(attributes="", elements="", namespaces=NAMESPACES):
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {namespaces}>'
        f'<rdf:Description rdf:about=""{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def properties(xmp):
    """Return the properties of a packet by name without namespace."""
    found = {}
    for element in ElementTree.fromstring(xmp).iter():
        found |= {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
        found[element.tag.rpartition("}")[2]] = (element.text or "").strip()
    return found


@pytest.mark.parametrize("as_elements", [False, True])
def test_orientation_and_size_are_those_of_the_output(as_elements):
    values = {"tiff:Orientation": "6", "tiff:ImageWidth": "60", "tiff:ImageLength": "40"}
    values |= {"e:PixelXDimension": "60", "e:PixelYDimension": "40", "tiff:Make": "Maker", "dc:format": "image/jpeg"}
    if as_elements:
        xmp = packet(elements="".join(f"<{name}>{value}</{name}>" for name, value in values.items()))
    else:
        xmp = packet("".join(f" {name}='{value}'" for name, value in values.items()))
    after = properties(upright_xmp(xmp, (60, 40)))
    assert (after["Orientation"], after["ImageWidth"], after["ImageLength"]) == ("1", "40", "60")
    assert (after["PixelXDimension"], after["PixelYDimension"]) == ("40", "60")
    assert (after["Make"], after["format"]) == ("Maker", "image/jpeg")


def test_thumbnails_and_the_layout_of_the_old_file_are_left_out():
    thumbnails = "<xmp:Thumbnails><rdf:Alt><rdf:li>abc</rdf:li></rdf:Alt></xmp:Thumbnails>"
    bits = "<tiff:BitsPerSample><rdf:Seq><rdf:li>8</rdf:li></rdf:Seq></tiff:BitsPerSample>"
    wanted = packet(elements="<dc:title>a</dc:title>")
    assert upright_xmp(packet(' tiff:Compression="6"', f"{thumbnails}<dc:title>a</dc:title>{bits}"), (1, 1)) == wanted


@given(st.text(max_size=99).map(str.encode), st.text(max_size=99).map(str.encode))
def test_all_else_stays_byte_for_byte(before, behind):
    xmp = before + packet(' dc:x="&#xA;é"') + behind
    assert upright_xmp(xmp, (4, 5)) == xmp


@given(
    st.binary(max_size=99), st.sampled_from([b"<xmp:Thumbnails>", b"<tiff:Orientation>", b' tiff:Orientation="', b"<?"])
)
def test_any_bytes_are_no_error(data, start):
    for xmp in (data, packet()[:-40] + start + data, start * 9 + data):
        upright_xmp(xmp, (4, 5))
        in_utf8(xmp)
        joined(xmp, packet())
        joined(packet(), xmp)


def test_an_extension_is_joined():
    main = packet(f' xmpNote:HasExtendedXMP="{NAME}" dc:format="a"')
    extension = packet(
        ' g:Data="abc"', namespaces='xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:g="g:"'
    )
    assert extension_named_in(main) == NAME.encode()
    after = properties(upright_xmp(joined(main, extension), (1, 1)))
    assert (after["Data"], after["format"]) == ("abc", "a")
    assert "HasExtendedXMP" not in after


def test_an_extension_that_does_not_fit_is_not_joined():
    other = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="another"'
    for extension in (packet(' dc:a="b"', namespaces=other), b"", packet()[:-30], packet(elements="<a>")):
        assert joined(packet(), extension) is None


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"]
)
def test_every_encoding_of_unicode_becomes_utf8(encoding):
    assert in_utf8(packet(' dc:a="é"').decode().encode(encoding)) == packet(' dc:a="é"')
    assert in_utf8(b"<a>\xff</a>") is None
