"""The tags of TIFF and Exif that are read or written, by their numbers (TIFF 6.0; Exif 2.32)."""

# The types of values (TIFF 6.0, section 2).
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED_RATIONAL, IFD = 1, 2, 3, 4, 5, 7, 10, 13

MAKE_TAG, ORIENTATION_TAG, SOFTWARE_TAG, SUB_IFDS_TAG = 271, 274, 305, 330
ICC_TAG, XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG, DNG_VERSION_TAG = 34675, 700, 33723, 34377, 50706
EXIF_IFD_TAG, GPS_IFD_TAG, INTEROPERABILITY_IFD_TAG = 34665, 34853, 40965
EXIF_WIDTH_TAG, EXIF_HEIGHT_TAG = 40962, 40963
MAKER_NOTE_TAG = 37500
# How the components of a JPEG lie and how much it is compressed: true of the old file only.
JPEG_TAGS = {37121, 37122}
# Which colours a camera means by "uncalibrated", and the version of that rule (DCF 2.0). The other tags of the table
# state the format and size of another file.
INTEROPERABILITY_TAGS = {1, 2}

X_RESOLUTION_TAG, Y_RESOLUTION_TAG, RESOLUTION_UNIT_TAG = 282, 283, 296
INCH, CENTIMETRE = 2, 3
INCHES_PER_UNIT: dict[float, float] = {INCH: 1.0, CENTIMETRE: 1 / 2.54}

# The tags of the first directory that describe the picture and not the layout of its file: description, maker, model,
# orientation, software, date, artist, host, copyright, rating, texts that Windows writes, how to print it (PIM), and
# which white and primaries its colours have.
DESCRIPTIVE_TAGS = {269, 270, 271, 272, 274, 305, 306, 315, 316, 318, 319, 18246, 18249, 33432, 50341}
DESCRIPTIVE_TAGS |= set(range(40091, 40096))
# Where on the Earth the pixels lie (OGC GeoTIFF 1.1), and what GDAL says of them.
GEO_TAGS = {33550, 33922, 34264, 34735, 34736, 34737, 42112}
