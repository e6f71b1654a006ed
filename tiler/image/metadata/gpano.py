"""Whether a picture says of itself that its left edge continues its right one."""

from xml.etree import ElementTree

# "Photo Sphere XMP Metadata", Google: the properties of a panorama, all in this namespace.
GPANO = "{http://ns.google.com/photos/1.0/panorama/}"
# A packet with its own entities can blow up when parsed, and no camera writes one.
DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def is_full_turn(xmp: bytes | None, shape: tuple[int, int]) -> bool:
    """Return whether an XMP packet says that a picture of `shape` (height, width) is a full turn around.

    True for GPano:ProjectionType "equirectangular" whose cropped width is its full width. Where the packet gives no
    widths the whole picture is the panorama, as the specification has it, and it must then be twice as wide as high.
    What cannot be parsed says nothing: False.
    """
    if xmp is None or any(declaration in xmp for declaration in DECLARATIONS):
        return False
    try:
        root = ElementTree.fromstring(xmp.strip(b"\0 \n\r\t").decode("utf-8", "replace"))
    except ElementTree.ParseError:
        return False
    said = _properties(root)
    if said.get("ProjectionType") != "equirectangular":
        return False
    full, cropped = said.get("FullPanoWidthPixels"), said.get("CroppedAreaImageWidthPixels")
    if full is None:
        return shape[1] == 2 * shape[0]
    return cropped is None or cropped == full


def _properties(root: ElementTree.Element) -> dict[str, str]:
    """Return the panorama's properties by name; RDF lets each be an attribute or an element."""
    found = {}
    for element in root.iter():
        if element.tag.startswith(GPANO):
            found[element.tag.removeprefix(GPANO)] = (element.text or "").strip()
        for name, value in element.attrib.items():
            if name.startswith(GPANO):
                found[name.removeprefix(GPANO)] = value.strip()
    return found
