"""What travels with the pixels: Exif, XMP, IPTC, resolution."""
