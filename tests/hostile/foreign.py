"""What is no photograph of an accepted format, and what is one and something else besides."""

from __future__ import annotations

import zipfile
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from io import BytesIO

import numpy as np

from tests.hostile.builders import SEEDS, encoded, jpeg, photograph, seed, segment
from tests.hostile.case import ANY, PIXELS, REFUSED, UNDECODABLE, Case, case

WRITTEN_BY_PILLOW = (
    "ICO",
    "PPM",
    "EPS",
    "PCX",
    "DDS",
    "TGA",
    "SGI",
    "PDF",
    "ICNS",
    "JPEG2000",
)

MAGIC = {
    "an EPS that would run": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nquit\n",
    "a DOS EPS": b"\xc5\xd0\xd3\xc6" + bytes(40),
    "PSD": b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x09\0\0\0\x09\0\x08\0\3",
    "FITS": b"SIMPLE  =                    T".ljust(2880),
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "EMF": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(40),
    "FLI": bytes(4) + b"\x11\xaf" + bytes(122),
    "XBM": b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0,0,0,0,0,0,0,0};",
    "XPM": b'/* XPM */\nstatic char *a[] = {"1 1 1 1","a c #fff","a"};',
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "SVG behind a prologue": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "HTML": b"<!DOCTYPE html><img src=x onerror=alert(1)>",
    "HTML behind comments": b"\n<!---->" * 500 + b"<HTML>",
    "an error of S3": b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Key>\x1b[31m</Key></Error>',
    "an error of S3 with a long code": b"<Error><Code>" + b"A" * 9_000 + b"</Code></Error>",
    "a JPEG in base64": b64encode(seed("JPEG")),
    "a data: URL of a PNG": b"data:image/png;base64," + b64encode(seed("PNG")),
    "base64 of text": b64encode(b"good evening" * 99),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(60),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(60),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(90),
    "an MP4": b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + bytes(60),
    "a brand of control characters": b"\0\0\0\x18ftyp\x1b[3m" + bytes(60),
    "a MOV without a brand": b"\0\0\0\x08wide\0\0\x10\0mdat" + bytes(60),
    "a web form": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + seed("JPEG"),
    "a reply of HTTP": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + seed("JPEG"),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "a .DS_Store": b"\0\0\0\1Bud1" + bytes(60),
    "AppleDouble": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(60),
    "JPEG XL": b"\xff\x0a" + bytes(60),
    "JPEG XL in boxes": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "a JPEG 2000 codestream": b"\xff\x4f\xff\x51" + bytes(60),
    "QOI": b"qoif\0\0\0\x08\0\0\0\x08\3\0" + bytes(40),
    "BLP": b"BLP2\1\0\0\0" + bytes(140),
    "MSP": b"DanM" + bytes(40),
    "GBR": b"\0\0\0\x1c\0\0\0\2" + bytes(40),
    "Matroska": b"\x1aE\xdf\xa3" + bytes(40),
    "gzip": b"\x1f\x8b\x08" + bytes(40),
    "ELF": b"\x7fELF" + bytes(60),
    "JSON": b'{"image_id": "1"}',
    "a byte order mark": b"\xef\xbb\xbf",
    "UTF-16": b"\xff\xfeh\0i\0",
    "a single byte": b"\xff",
    "two bytes": b"\xff\xd8",
    "three bytes": b"\xff\xd8\xff",
    "NULs": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "WAVE": b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
    "WebP of an unknown kind": b"RIFF\x24\0\0\0WEBPVP9 " + bytes(40),
    "a bare start of HEIF": b"\0\0\0\x18ftypheic" + bytes(12),
    "a bare start of AVIF": b"\0\0\0\x18ftypavif" + bytes(12),
}

PASSENGERS = {
    "a script": b"<script>alert(1)</script>",
    "a PDF": b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
    "a PHP": b"<?php system($_GET[0]); ?>",
    "control characters": bytes(range(32)) * 8,
    "10 MB of noise": np.random.default_rng(0).bytes(10_000_000),
    "10 MB of NULs": bytes(10_000_000),
    "a start of an image": b"\xff\xd8\xff\xe0",
    "an end of an image": b"\xff\xd9" * 50,
}


def cases() -> Iterator[Case]:
    yield case("nothing", bytes)
    for kind in WRITTEN_BY_PILLOW:
        yield case(kind, partial(encoded, photograph(), kind))
    for name, data in MAGIC.items():
        yield case(name, partial(bytes, data))
        yield case(f"{name}, longer", partial(_longer, data))
    for number in range(8):
        yield case(f"noise {number}", partial(_noise, number))
    yield case("a zip called .jpg", _zip)
    for kind in SEEDS:
        yield case(f"{kind} behind a byte order mark", partial(_joined, b"\xef\xbb\xbf", seed(kind)))
        yield case(f"{kind} behind a line", partial(_joined, b"\n", seed(kind)))
        yield case(f"{kind} in text", partial(_as_text, seed(kind)), *(ANY if kind == "BMP" else REFUSED))
        yield case(f"zip with {kind} in front", partial(_joined, seed(kind), _zip()), PIXELS)
        for name, passenger in PASSENGERS.items():
            yield case(f"{kind} with {name} behind", partial(_joined, seed(kind), passenger), PIXELS)
    for name, passenger in PASSENGERS.items():
        yield case(f"jpeg with {name} in a comment", partial(jpeg, segment(0xFE, passenger[:60_000])), PIXELS)
    for one in SEEDS:
        for other in SEEDS:
            yield case(
                f"{one} in front of {other}", partial(_joined, seed(one), seed(other)), *_in_front(one, other)
            )
            build = partial(_joined, seed(one)[:16], seed(other)[16:])
            yield case(f"{one}'s first bytes on {other}", build, *ANY)


def _in_front(one: str, other: str) -> tuple[str, ...]:
    """What is in boxes goes on to the end of the file: those of another picture are its own."""
    boxes = {"AVIF", "HEIC"}
    return (PIXELS, UNDECODABLE) if {one, other} <= boxes else (PIXELS,)


def _joined(one: bytes, other: bytes) -> bytes:
    return one + other


def _longer(data: bytes) -> bytes:
    return data + bytes(4_000)


def _noise(number: int) -> bytes:
    return np.random.default_rng(number).bytes(20_000)


def _as_text(data: bytes) -> bytes:
    """What became of a file that somebody took for text."""
    return data.decode("latin-1").encode()


def _zip() -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(zipfile.ZipInfo("menu.txt"), b"soup\n" * 100)
    return target.getvalue()
