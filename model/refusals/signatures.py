"""File signatures: what a file of no accepted format looks like, told from its first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from model.refusals import archives, brands, texts

HEAD: Final = 4_096
"""Bytes of a file that are looked at."""

FILLED: Final = 16
"""Bytes of one value from which on they are no accident."""

ACCEPTED: Final = (
    (0, b"\xff\xd8", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypmif1", "HEIF"),
    *((4, b"ftyp" + brand, "HEIF") for brand in (b"heic", b"heix", b"heim", b"heis")),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
)
"""(offset, bytes, format): a file that begins so and cannot be read is damaged, not foreign."""

LOOKS_LIKE: Final = (
    # Photographs as cameras keep them, and other images.
    (12, b"CgBI", "a PNG of Apple's own kind (CgBI), which only its programs read"),
    (8, b"CR\x02", "a Canon raw photograph (CR2)"),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm raw photograph (RAF)"),
    (0, b"IIRO", "an Olympus raw photograph (ORF)"),
    (0, b"IIRS", "an Olympus raw photograph (ORF)"),
    (0, b"MMOR", "an Olympus raw photograph (ORF)"),
    (0, b"IIU\0", "a Panasonic raw photograph (RW2)"),
    (0, b"FOVb", "a Sigma raw photograph (X3F)"),
    (0, b"\0MRM", "a Minolta raw photograph (MRW)"),
    (6, b"HEAPCCDR", "a Canon raw photograph (CRW)"),
    (0, b"II\xbc", "a JPEG XR image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"8BPS\0\2", "a Photoshop document (PSB)"),
    (0, b"8BPS", "a Photoshop document (PSD)"),
    (0, b"gimp xcf", "a GIMP image (XCF)"),
    (0, b"\0\0\2\0\0\0\0\0", "a TGA image"),
    (0, b"\0\0\x0a\0\0\0\0\0", "a TGA image"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a mouse pointer (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"\x0a\x05\x01", "a PCX image"),
    (0, b"\x0a\x03\x01", "a PCX image"),
    (0, b"\x0a\x02\x01", "a PCX image"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance image (HDR)"),
    (0, b"#?RGBE", "a Radiance image (HDR)"),
    (0, b"qoif", "a QOI image"),
    (0, b"BPG\xfb", "a BPG image"),
    (0, b"FLIF", "a FLIF image"),
    (0, b"SIMPLE  =", "a FITS image"),
    (0, b"\x01\xda", "an SGI image"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows drawing (WMF)"),
    (0, b"\x01\x00\x09\x00", "a Windows drawing (WMF)"),
    (40, b" EMF", "a Windows drawing (EMF)"),
    (128, b"DICM", "a DICOM image"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"BLP2", "a BLP texture"),
    # Documents.
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document (PS or EPS)"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document (EPS)"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document (OLE2)"),
    (0, b"{\\rtf", "an RTF document"),
    # Video and sound.
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV sound"),
    (0, b"RIFF", "a RIFF file of another kind"),
    (0, b"\0\0\1\xba", "an MPEG video"),
    (0, b"\0\0\1\xb3", "an MPEG video"),
    (0, b"FLV", "a Flash video (FLV)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (WMV, WMA)"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC sound"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"\xff\xfb", "an MP3 sound"),
    (0, b"\xff\xfa", "an MP3 sound"),
    (0, b"\xff\xf3", "an MP3 sound"),
    (0, b"\xff\xf2", "an MP3 sound"),
    (0, b"\xff\xf1", "an AAC sound"),
    (0, b"\xff\xf9", "an AAC sound"),
    (0, b"#!AMR", "an AMR sound"),
    (0, b"MThd", "a MIDI file"),
    # Archives, programs, and what systems leave behind.
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"MSCF", "a CAB archive"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x7fELF", "a program (ELF)"),
    (0, b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (0, b"MZ", "a Windows program"),
    (0, b"\0\0\0\1Bud1", "a .DS_Store, macOS's notes on a folder"),
    (0, b"\0\5\x16\7", "an AppleDouble file (._*), macOS's notes on another file"),
    (0, b"\0\5\x16\0", "an AppleSingle file"),
    (0, b"bplist", "a property list of macOS (bplist)"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\xac\xed\0\5", "an object of Java"),
    (0, b"\0asm", "a program (WebAssembly)"),
    (0, b"wOFF", "a font (WOFF)"),
    (0, b"wOF2", "a font (WOFF2)"),
    # Images that somebody took for text.
    (0, b"\x89PNG", "a PNG whose line ends were rewritten, as by a transfer as text"),
    (0, b"\xc2\x89PNG", "a PNG that was rewritten as text"),
    (0, b"\xef\xbf\xbdPNG", "a PNG that was rewritten as text"),
    (0, b"\xc3\xbf\xc3\x98\xc3\xbf", "a JPEG that was rewritten as text"),
    (0, b"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "a binary file that was rewritten as text"),
)
"""(offset, bytes, name) of what people upload by mistake, the first that fits."""


WITHIN: Final = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"%P": "PDF"}
DISPLACED: Final = re.compile(rb"\xff\xd8\xff[\xdb\xe0-\xef]|\x89PNG\r\n\x1a\n|%PDF-\d")
"""Beginnings that are no accident wherever they stand."""


def foreign(data: bytes, accepted: Iterable[str]) -> str:
    """Why a file that nobody of the `accepted` formats wants is refused, with what it looks like."""
    known = begins_as(data)
    if known:
        return f"damaged {known} image: its header cannot be read"
    name = looks_like(data)
    refused = f"not an image of an accepted format ({', '.join(accepted)})"
    return f"{refused}: it looks like {name}" if name else refused


def begins_as(data: bytes) -> str:
    """The accepted format that a file begins as, empty for none."""
    if data[12:16] == b"CgBI":
        return ""
    return next((name for at, magic, name in ACCEPTED if data.startswith(magic, at)), "")


def looks_like(data: bytes) -> str:
    """What a file seems to be, with its article; empty where nobody knows."""
    head = data[:HEAD]
    if not any(head):
        return "an upload that was never written (zero bytes only)" if not any(data) else ""
    if len(head) >= FILLED and head == b"\xff" * len(head):
        return "a file of bytes FF only, as a disk that was never written holds"
    return _binary(head) or texts.kind(head, inside=_inside) or _behind(head)


def _inside(head: bytes) -> str:
    """What bytes are that stood in a text as base64."""
    known = "BMP" if head.startswith(b"BM") else begins_as(head)
    return f"{'an' if known == 'AVIF' else 'a'} {known} image" if known else _binary(head)


def _behind(head: bytes) -> str:
    """A file that something stands in front of: a line end, a byte order mark, a length."""
    if found := DISPLACED.search(head):
        return f"a {WITHIN[found[0][:2]]} that begins at byte {found.start():,}, behind what is not of it"
    return ""


def _binary(head: bytes) -> str:
    return archives.kind(head) or brands.kind(head) or _listed(head)


def _listed(head: bytes) -> str:
    return next((name for at, magic, name in LOOKS_LIKE if head.startswith(magic, at)), "")
