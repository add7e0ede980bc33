"""What people upload by mistake is refused by its name, whatever the file is called."""

from __future__ import annotations

import struct
import zipfile
from base64 import b64encode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model.formats.opening import FORMATS
from model.preprocess import Preprocess
from model.refusals import brands
from model.refusals.signatures import ACCEPTED, LOOKS_LIKE, foreign, looks_like
from schemas.errors import Undecodable


def photograph(kind: str) -> bytes:
    target = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def zipped(*names: str, **contents: str) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, contents.get(name, "soup"))
    return target.getvalue()


def branded(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(12) + b"\0\0\0\x08mdat"


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        Preprocess(size=32).decode(data)
    return str(caught.value)


@pytest.mark.parametrize(("at", "magic", "name"), LOOKS_LIKE)
def test_every_signature_names_its_file(at: int, magic: bytes, name: str) -> None:
    assert looks_like(b"\x07" * at + magic + b"\x07" * 300) == name


@pytest.mark.parametrize(("beginning", "name"), brands.NAMES)
def test_every_brand_names_its_file(beginning: bytes, name: str) -> None:
    assert looks_like(branded(beginning.ljust(4, b"1"))) == name


NAMED = {
    "an MP4 video": branded(b"isom"),
    "a Canon raw photograph (CR3)": branded(b"crx "),
    "of a brand that is not known (zz?9)": branded(b"zz\x019"),
    "a QuickTime video (MOV)": b"\0\0\0\x08wide\0\0\1\0mdat" + bytes(40),
    "a piece of an MP4 video": b"\0\0\0\x18styp" + bytes(40),
    "a WebM video": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm" + bytes(40),
    "a Matroska video (MKV)": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x88matroska" + bytes(40),
    "an MPEG transport stream (TS)": (b"G" + b"\x1f" * 187) * 4,
    "a Word document (DOCX)": zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    "an Excel workbook (XLSX)": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "a PowerPoint presentation (PPTX)": zipped("[Content_Types].xml", "ppt/presentation.xml"),
    "an e-book (EPUB)": zipped("mimetype", mimetype="application/epub+zip"),
    "a text document (ODT)": zipped("mimetype", mimetype="application/vnd.oasis.opendocument.text"),
    "an Android app (APK)": zipped("AndroidManifest.xml", "classes.dex"),
    "a Java archive (JAR)": zipped("META-INF/MANIFEST.MF"),
    "a ZIP archive": zipped("menu.txt"),
    "a PNM image": b"P6\n2 2\n255\n" + bytes(12),
    "an SVG drawing": b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- <html> -->\n<!DOCTYPE svg><svg/>",
    "a web page": b"\n <!-- a --><!-- b -->\n<HtMl lang=en>",
    "an XML document (plate)": b"<?xml version='1.0' encoding='UTF-8'?>\n<plate/>",
    "metadata of a photograph (XMP)": b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'>",
    "an error message of object storage (NoSuchKey)": (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>x</Message></Error>'
    ),
    "an error message of object storage (AccessDenied)": b"<Error><Code>AccessDenied</Code></Error>",
    "an error message of object storage (404)": b'{\n "error": {\n  "code": 404, "message": "none"}}',
    "a file of bytes FF only": b"\xff" * 70_000,
    "a JSON object": b'\xef\xbb\xbf {"image": "lunch"}',
    "a JSON array": b'[{"image": "lunch"}]',
    "a CSV table": b"id;name\n1;soup\n2;bread\n",
    "a plain text": b"good evening, the soup is on the stove",
    "base64 text of a JPEG image": b64encode(photograph("JPEG")),
    "base64 text of a PNG image": b'"' + b64encode(photograph("PNG")) + b'"',
    "data: URL with base64 text of a GIF image": b"data:image/gif;base64," + b64encode(photograph("GIF")),
    "base64 text of an MP4 video": b64encode(branded(b"isom") + bytes(30)),
    "base64 text of a BMP image": b64encode(photograph("BMP")),
    "a JPEG that begins at byte 1, behind": b"\n" + photograph("JPEG"),
    "a PNG that begins at byte 3, behind": b"\xef\xbb\xbf" + photograph("PNG"),
    "a PDF that begins at byte 9, behind": bytes(range(9)) + b"%PDF-1.7\n",
    "a web address": b"https://example.org/lunch.jpg\n",
    "a PEM file": b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    "brand that is not known (heif)": branded(b"heif"),
    "hexadecimal text of a JPEG image": photograph("JPEG").hex().encode(),
    "bytes as Python prints them": repr(photograph("JPEG")[:400]).encode(),
    "a GIF image": b"data:;base64," + b64encode(photograph("GIF")),
    "an HTTP request": b"PUT /photos/1.jpg HTTP/1.1\r\nHost: a\r\n\r\n" + photograph("JPEG"),
    "the body of a web form": b'--x1y2\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
    + photograph("JPEG"),
    "an HTTP response that was stored": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
    "an upload that was never written (zero bytes only)": bytes(70_000),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a text in UTF-16": "soup".encode("utf-16"),
    "a JPEG that was rewritten as text": photograph("JPEG").decode("latin-1").encode(),
    "a PNG whose line ends were rewritten": photograph("PNG").replace(b"\r\n", b"\n"),
    "white space only": b" \n\n ",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_of_no_accepted_format_is_called_what_it_is(name: str) -> None:
    said = refusal(NAMED[name])
    assert said.startswith("not an image of an accepted format (JPEG, PNG, ")
    assert name in said.partition(": it looks like ")[2]


@pytest.mark.parametrize(("at", "magic", "name"), ACCEPTED)
def test_a_damaged_file_of_an_accepted_format_is_called_damaged(at: int, magic: bytes, name: str) -> None:
    said = foreign(b"\x07" * at + magic + b"\x07" * 60, FORMATS)
    assert said == f"damaged {name} image: its header cannot be read"


@pytest.mark.parametrize("data", [bytes(70_000) + b"\1", b"\7\1\2\3" * 300])
def test_what_nobody_knows_is_refused_with_the_accepted_formats_alone(data: bytes) -> None:
    assert refusal(data) == f"not an image of an accepted format ({', '.join(FORMATS)})"


@pytest.mark.parametrize(
    "data", [b"<!---->" * 600, b"<?xml?>" * 600, b"--a\r\n" + b"a:b\r\n" * 800, b"a," * 2_000]
)
def test_a_text_made_to_be_looked_at_for_long_is_not(data: bytes) -> None:
    assert looks_like(data)


def test_what_a_file_says_of_itself_is_shown_short_and_printable() -> None:
    long = b"<Error><Code>" + b"A" * 5_000 + b"</Code></Error>"
    assert looks_like(long) == "an XML document (Error)"
    assert looks_like(b"<" + b"a" * 3_000 + b"/>") == f"an XML document ({'a' * 64})"
