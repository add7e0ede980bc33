"""File signatures: what a file of no accepted format looks like, told from its first bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LOOKS_LIKE: Final = (
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"BM", "a BMP image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (4, b"ftypqt", "a QuickTime video"),
    (4, b"ftypisom", "an MP4 video"),
    (4, b"ftypmp4", "an MP4 video"),
    (4, b"ftyp", "a HEIC or AVIF image that is damaged or of a kind not supported"),
    (12, b"CgBI", "a PNG of Apple's own kind (CgBI), which only its programs read"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
)
"""(offset, bytes, name) of what people upload by mistake, for the message."""


def foreign(data: bytes, accepted: Iterable[str]) -> str:
    """Why a file that is of none of the `accepted` formats is refused, with what it looks like."""
    refused = f"not an image of an accepted format ({', '.join(accepted)})"
    for offset, magic, name in LOOKS_LIKE:
        if data[offset : offset + len(magic)] == magic:
            return f"{refused}: it looks like {name}"
    return refused
