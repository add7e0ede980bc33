"""Brands: what a file in ISO boxes is (MP4, MOV, HEIC, CR3 and their kin), or an MPEG or Matroska stream."""

from __future__ import annotations

from typing import Final

NAMES: Final = (
    (b"crx ", "a Canon raw photograph (CR3)"),
    (b"hev", "a HEIC image sequence"),
    (b"msf1", "a HEIC image sequence"),
    (b"avci", "an image with H.264 in HEIF (AVCI)"),
    (b"avcs", "an image with H.264 in HEIF (AVCI)"),
    (b"j2k", "an image with JPEG 2000 in HEIF"),
    (b"jp2 ", "a JPEG 2000 image"),
    (b"jpx ", "a JPEG 2000 image"),
    (b"jxl ", "a JPEG XL image"),
    (b"qt  ", "a QuickTime video (MOV)"),
    (b"M4A ", "a sound in MP4 (M4A)"),
    (b"M4B ", "a sound in MP4 (M4B)"),
    (b"M4P ", "a sound in MP4 (M4P)"),
    (b"M4V", "an MP4 video (M4V)"),
    (b"3g2", "a 3GPP2 video (3G2)"),
    (b"3gp", "a 3GPP video (3GP)"),
    (b"3gg", "a 3GPP video (3GP)"),
    (b"3ge", "a 3GPP video (3GP)"),
    (b"f4v ", "a Flash video (F4V)"),
    *((brand, "an MP4 video") for brand in (b"iso", b"mp4", b"avc1", b"dash", b"MSNV", b"mmp4", b"XAVC")),
)
"""Beginnings of major brands, the first that fits."""

MOVIE: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""First boxes of a QuickTime file that says nothing of its brand."""

FRAGMENT: Final = frozenset({b"styp", b"moof", b"sidx"})

PACKET: Final = 188
"""Bytes between the marks of an MPEG transport stream."""


def kind(head: bytes) -> str:
    """What it is, with its article; empty where it is nothing of the kind."""
    box = head[4:8]
    if box == b"ftyp":
        return _branded(head[8:12])
    if head[:1] < b" " and box in MOVIE:  # a text may say "free" there too
        return "a QuickTime video (MOV)"
    if head[:1] < b" " and box in FRAGMENT:
        return "a piece of an MP4 video"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "a WebM video" if b"webm" in head[:64] else "a Matroska video (MKV)"
    if any(head[at : at + 1] == b"G" == head[at + PACKET : at + PACKET + 1] for at in (0, 4)):
        return "an MPEG transport stream (TS)" if head[2 * PACKET : 2 * PACKET + 1] in b"G" else ""
    return ""


def _branded(brand: bytes) -> str:
    for beginning, name in NAMES:
        if brand.startswith(beginning):
            return name
    shown = "".join(each if each.isprintable() else "?" for each in brand.decode("ascii", "replace"))
    return f"a file in the boxes of MP4 and HEIC, of a brand that is not known ({shown.strip()})"
