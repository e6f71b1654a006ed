"""XMP: what a packet says of the old file made true of the new one, and packets of several segments joined.

Packets are edited as text, because writing them anew would change what is not at issue. Namespaces and the joining are
those of the XMP specification, parts 2 and 3, Adobe 2014 and 2016.
"""

import re
from xml.etree import ElementTree

TIFF, EXIF, XMP = (b"http://ns.adobe.com/%s/1.0/" % name for name in (b"tiff", b"exif", b"xap"))
NOTE, RDF = b"http://ns.adobe.com/xmp/note/", b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# How the old file was laid out and compressed, and what it looked like.
UNTRUE = (
    (TIFF, b"Compression"),
    (TIFF, b"BitsPerSample"),
    (TIFF, b"SamplesPerPixel"),
    (TIFF, b"PhotometricInterpretation"),
    (TIFF, b"PlanarConfiguration"),
    (TIFF, b"YCbCrSubSampling"),
    (TIFF, b"YCbCrPositioning"),
    (TIFF, b"NativeDigest"),
    (EXIF, b"NativeDigest"),
    (EXIF, b"ComponentsConfiguration"),
    (EXIF, b"CompressedBitsPerPixel"),
    (XMP, b"Thumbnails"),
    (NOTE, b"HasExtendedXMP"),
)
QUOTED = rb"""\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
DECLARATION = re.compile(rb"""\sxmlns:([\w.-]+)\s*=\s*["']([^"'<]*)["']""")


def upright_xmp(xmp: bytes, shape: tuple[int, int]) -> bytes:
    """Return a packet that says orientation 1 and `shape` (height, width) wherever it stated orientation and size.

    Thumbnails and the layout of the old file are left out. All else stays as it is, byte for byte.
    """
    height, width = shape
    numbers = (
        (TIFF, b"Orientation", 1),
        (TIFF, b"ImageWidth", width),
        (TIFF, b"ImageLength", height),
        (EXIF, b"PixelXDimension", width),
        (EXIF, b"PixelYDimension", height),
    )
    for namespace, name, number in numbers:
        for tag in _tags(xmp, namespace, name):
            value = b"%d" % number
            xmp = re.sub(rb"(\s" + tag + rb"\s*=\s*)([\"'])[^\"'<]*\2", rb"\g<1>\g<2>" + value + rb"\g<2>", xmp)
            xmp = re.sub(rb"(<" + tag + rb"\s*>)[^<]*(</" + tag + rb"\s*>)", rb"\g<1>" + value + rb"\g<2>", xmp)
    for namespace, name in UNTRUE:
        for tag in _tags(xmp, namespace, name):
            xmp = _without_elements(re.sub(rb"\s" + tag + QUOTED, b"", xmp), tag)
    return xmp


def in_utf8(xmp: bytes) -> bytes | None:
    """Return a packet that may be in UTF-16 or UTF-32 in UTF-8; None if it is in none of them (XMP, part 1, 7.2)."""
    start = xmp[:4].replace(b"\xff\xfe", b"").replace(b"\xfe\xff", b"")
    encodings = {b"\0\0": "utf-32-be", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
    encoding = "utf-32-le" if start == b"<\0\0\0" else encodings.get(start[:2], "utf-8")
    try:
        return xmp.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError:
        return None


def extension_named_in(xmp: bytes) -> bytes | None:
    """Return the name of the extended XMP that a packet says it has; None if it has none."""
    for tag in _tags(xmp, NOTE, b"HasExtendedXMP"):
        found = re.search(tag + rb"""(?:\s*=\s*["']|\s*>)\s*([0-9A-Fa-f]{32})\b""", xmp)
        if found:
            return found[1].upper()
    return None


def joined(xmp: bytes, extension: bytes) -> bytes | None:
    """Return a packet with the properties of its extended XMP, too; None if the two do not fit each other."""
    begin, end = (re.search(pattern, xmp) for pattern in _rdf_patterns(xmp))
    first, last = (re.search(pattern, extension) for pattern in _rdf_patterns(extension))
    if not (begin and end and first and last):
        return None
    known, more = (dict(DECLARATION.findall(text)) for text in (xmp[: begin.end()], extension[: first.end()]))
    if any(known.get(prefix, uri) != uri for prefix, uri in more.items()):
        return None
    missing = b"".join(b' xmlns:%s="%s"' % item for item in more.items() if item[0] not in known)
    properties = extension[first.end() : last.start()]
    at = begin.end() - 1
    whole = xmp[:at] + missing + xmp[at : end.start()] + properties + xmp[end.start() :]
    return whole if _is_sound(whole) else None


def _tags(xmp: bytes, namespace: bytes, name: bytes) -> list[bytes]:
    """Return the names, with prefix and as patterns, that a property has in a packet."""
    prefixes = dict.fromkeys(prefix for prefix, uri in DECLARATION.findall(xmp) if uri == namespace)
    return [re.escape(prefix + b":" + name) for prefix in prefixes]


def _without_elements(xmp: bytes, tag: bytes) -> bytes:
    kept, done = [], 0
    for begin in re.finditer(rb"\s*<" + tag + rb"(\s[^<>]*)?>", xmp):
        if begin.start() < done:
            continue
        stop = begin.end()
        if not begin[0].endswith(b"/>"):
            end = re.compile(rb"</" + tag + rb"\s*>").search(xmp, stop)
            if end is None:
                break
            stop = end.end()
        kept.append(xmp[done : begin.start()])
        done = stop
    return b"".join([*kept, xmp[done:]])


def _rdf_patterns(xmp: bytes) -> tuple[bytes, bytes]:
    """Return the patterns of the beginning and the end of the properties of a packet."""
    tag = next(iter(_tags(xmp, RDF, b"RDF")), rb"rdf:RDF")
    return rb"<" + tag + rb"(?:\s[^<>]*[^<>/])?>", rb"</" + tag + rb"\s*>"


def _is_sound(xmp: bytes) -> bool:
    # A packet that defines its own entities can grow without bound when it is parsed, and no camera writes one.
    if b"<!" in xmp.replace(b"<!--", b""):
        return False
    try:
        ElementTree.fromstring(xmp.strip(b"\0 \n\r\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return False
    return True
