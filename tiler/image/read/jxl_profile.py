"""The colour profile of a JPEG XL, which imagecodecs does not return: asked of the libjxl that imagecodecs brings."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

# libjxl, decode.h: the event that the colours are known, the profile of the decoded samples, and success.
COLOURS_KNOWN, OF_SAMPLES, SUCCESS = 0x100, 1, 0


def profile_of(data: bytes) -> bytes | None:
    """Return the ICC profile of the samples of the JPEG XL `data`; None if this system's libjxl cannot be asked."""
    jxl = _library()
    if jxl is None:
        return None
    decoder = jxl.JxlDecoderCreate(None)
    try:
        jxl.JxlDecoderSubscribeEvents(decoder, COLOURS_KNOWN)
        jxl.JxlDecoderSetInput(decoder, data, ctypes.c_size_t(len(data)))
        jxl.JxlDecoderCloseInput(decoder)
        size = ctypes.c_size_t()
        if (
            jxl.JxlDecoderProcessInput(decoder) != COLOURS_KNOWN
            or jxl.JxlDecoderGetICCProfileSize(decoder, OF_SAMPLES, ctypes.byref(size)) != SUCCESS
        ):
            return None
        icc = ctypes.create_string_buffer(size.value)
        if jxl.JxlDecoderGetColorAsICCProfile(decoder, OF_SAMPLES, icc, size) != SUCCESS:
            return None
        return icc.raw
    finally:
        jxl.JxlDecoderDestroy(decoder)


@cache
def _library() -> Any:
    import imagecodecs

    home = Path(imagecodecs.__file__).parent
    # Where the wheels of Linux and of macOS keep it. Those of Windows have it inside another module.
    found = [*home.parent.glob("imagecodecs.libs/libjxl-*"), *home.glob(".dylibs/libjxl.*")]
    try:
        jxl = ctypes.CDLL(str(found[0]))
        jxl.JxlDecoderCreate.restype = ctypes.c_void_p
    except (IndexError, OSError, AttributeError):
        return None
    jxl.JxlDecoderSubscribeEvents.argtypes = (ctypes.c_void_p, ctypes.c_int)
    jxl.JxlDecoderSetInput.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    jxl.JxlDecoderGetICCProfileSize.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    jxl.JxlDecoderGetColorAsICCProfile.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    for name in ("CloseInput", "ProcessInput", "Destroy"):
        getattr(jxl, f"JxlDecoder{name}").argtypes = (ctypes.c_void_p,)
    return jxl
