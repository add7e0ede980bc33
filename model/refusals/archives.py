"""ZIP files: an archive, or one of the many documents that are kept in one."""

from __future__ import annotations

from typing import Final

DOCUMENTS: Final = (
    (b"mimetypeapplication/epub", "an e-book (EPUB)"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "a text document (ODT)"),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "a spreadsheet (ODS)"),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", "a presentation (ODP)"),
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"mimetypeapplication/x-krita", "a Krita image"),
    (b"mimetypeimage/openraster", "an OpenRaster image"),
    (b"word/", "a Word document (DOCX)"),
    (b"xl/", "an Excel workbook (XLSX)"),
    (b"ppt/", "a PowerPoint presentation (PPTX)"),
    (b"[Content_Types].xml", "an office document"),
    (b"AndroidManifest.xml", "an Android app (APK)"),
    (b"META-INF/", "a Java archive (JAR)"),
    (b"Index/", "an iWork document"),
)
"""What stands among the names of its first entries, the first that fits."""

ENTRY: Final = b"PK\x03\x04"


def kind(head: bytes) -> str:
    """What it is, with its article; empty for what is no ZIP."""
    if head.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        return "a ZIP archive"
    if not head.startswith(ENTRY):
        return ""
    names = [entry[26:] for entry in head.split(ENTRY)[1:]]
    for beginning, name in DOCUMENTS:
        if any(each.startswith(beginning) for each in names):
            return name
    return "a ZIP archive"
