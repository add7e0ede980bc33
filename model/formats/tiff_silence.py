"""Silence of libtiff: what it says of a damaged file goes nowhere, once and for all threads.

It writes to standard error, past Python and whatever Pillow sets, and names what a stranger's file says.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import PIL


def keep() -> bool:
    """Tell the libtiff that Pillow ships to say nothing; False where Pillow is built upon another one."""
    shipped = sorted((Path(PIL.__file__).parent.parent / "pillow.libs").glob("libtiff*.so*"))
    for path in shipped:
        library = ctypes.CDLL(str(path))
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = library[name]
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)
    return bool(shipped)
