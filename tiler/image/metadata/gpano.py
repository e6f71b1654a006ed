"""Whether the XMP of a panorama says that its left edge continues its right edge."""

from xml.etree import ElementTree

# "Photo Sphere XMP Metadata", Google: the properties of a panorama, all in this namespace.
GPANO = "{http://ns.google.com/photos/1.0/panorama/}"
# A packet that defines its own entities can grow without bound when it is parsed, and no camera writes one.
DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def is_full_turn(xmp: bytes | None, shape: tuple[int, int]) -> bool:
    """Return whether an XMP packet says that a picture of `shape` (height, width) is a panorama of 360 degrees.

    True for GPano:ProjectionType "equirectangular" if the cropped width is the full width. If the packet states no
    widths, the specification takes the picture for the whole panorama; it must then be twice as wide as high. False if
    the packet cannot be parsed.
    """
    if xmp is None or any(declaration in xmp for declaration in DECLARATIONS):
        return False
    try:
        root = ElementTree.fromstring(xmp.strip(b"\0 \n\r\t").decode("utf-8", "replace"))
    except ElementTree.ParseError:
        return False
    properties = _properties(root)
    if properties.get("ProjectionType") != "equirectangular":
        return False
    full, cropped = properties.get("FullPanoWidthPixels"), properties.get("CroppedAreaImageWidthPixels")
    if full is None:
        return shape[1] == 2 * shape[0]
    return cropped is None or cropped == full


def _properties(root: ElementTree.Element) -> dict[str, str]:
    """Return the properties of the panorama by name; in RDF each may be an attribute or an element."""
    found = {}
    for element in root.iter():
        if element.tag.startswith(GPANO):
            found[element.tag.removeprefix(GPANO)] = (element.text or "").strip()
        for name, value in element.attrib.items():
            if name.startswith(GPANO):
                found[name.removeprefix(GPANO)] = value.strip()
    return found
