"""Files of a great many pieces, each of which costs its reader more than it cost its sender."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from struct import pack

from PIL import Image

from model.formats.gif_blocks import MAX_BLOCKS
from model.formats.jpeg_picture import MAX_SCANS, MAX_SEGMENTS
from model.formats.png_chunks import MAX_CHUNKS
from tests.hostile.builders import (
    chunk,
    encoded,
    extended_webp,
    gif,
    jpeg,
    photograph,
    png,
    riff,
    seed,
    segment,
)
from tests.hostile.case import PIXELS, TOO_MANY, UNDECODABLE, Case, case

MANY = 300_000
FULL_EXIF = segment(0xE1, b"Exif\0\0" + bytes(65_000))
TINY_EXIF = segment(0xE1, b"Exif\0\0x")
EMPTY_SCAN = segment(0xDA, bytes([1, 1, 0, 1, 63, 0]))
INFLATED = zlib.compress(bytes(1_000_000), 9)


def cases() -> Iterator[Case]:
    yield from _jpegs()
    yield from _pngs()
    yield from _gifs()
    yield from _frames()


def _jpegs() -> Iterator[Case]:
    small = seed("JPEG")
    for name, storm in {
        "empty segments": segment(0xE0) * MANY,
        "empty comments": segment(0xFE) * MANY,
        "starts of an image": b"\xff\xd8" * MANY,
        "restarts": b"\xff\xd0" * MANY,
        "quantisation tables": segment(0xDB, bytes(65)) * 20_000,
        "Exif in thousands of parts": FULL_EXIF * 64 + TINY_EXIF * 5_000,
    }.items():
        yield case(f"jpeg of {name}", partial(jpeg, storm))
    yield case("jpeg of scans", lambda: small[:-2] + EMPTY_SCAN * MANY + small[-2:])
    grey = partial(encoded, photograph(2_000).convert("L"), "JPEG", progressive=True)
    yield case("progressive jpeg of one scan too many", partial(_scans, grey, MAX_SCANS))
    yield case(
        "progressive jpeg of as many scans as may be",
        partial(_scans, grey, MAX_SCANS - 6),
        PIXELS,
        UNDECODABLE,
        pixels=4_000_000 * 8,
    )
    yield case("jpeg without a scan, padded", lambda: small[: small.index(b"\xff\xda")] + bytes(3_000_000))
    most = segment(0xFE, bytes(65_533)) * (MAX_SEGMENTS - small.count(b"\xff") - 5)
    yield case("jpeg of as many full comments as may be", partial(jpeg, most[: 20 * 65_537]), PIXELS)
    yield case("jpeg of Exif in 300 parts", partial(jpeg, FULL_EXIF * 300), PIXELS)
    yield case("jpeg padded by megabytes", lambda: small[:20] + b"\xff" * 3_000_000 + small[20:], PIXELS)
    yield case(
        "jpeg of megabytes between segments", lambda: small[:20] + bytes(3_000_000) + small[20:], PIXELS
    )
    resources = b"Photoshop 3.0\0" + b"8BIM\x03\x00\0\0\0\0\0\0" * 5_000
    yield case("jpeg of Photoshop resources", partial(jpeg, segment(0xED, resources) * 20), PIXELS)
    profile = [segment(0xE2, b"ICC_PROFILE\0" + bytes([n % 256, 255]) + bytes(65_000)) for n in range(255)]
    yield case("jpeg of a profile of 16 MB", partial(jpeg, *profile), PIXELS)
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"tiff:Orientation=" * 3_800)
    yield case("jpeg of XMP that nearly says an orientation", partial(jpeg, xmp * 10), PIXELS)


def _scans(build: partial[bytes], more: int) -> bytes:
    data = build()
    last = data.rindex(b"\xff\xda")  # behind it nobody reads on
    return data[:last] + EMPTY_SCAN * more + data[last:]


def _pngs() -> Iterator[Case]:
    small = partial(png, (8, 8))
    for kind, body in {b"prVt": b"", b"tEXt": b"k\0v", b"tIME": b"", b"gAMA": bytes(4)}.items():
        storm = chunk(kind, body) * (MAX_CHUNKS + 9)
        yield case(f"png of {kind.decode()} before its pixels", partial(small, before=storm))
        yield case(f"png of {kind.decode()} behind its pixels", partial(small, after=storm))
    yield case("png of empty pixel chunks", lambda: small(before=chunk(b"IDAT") * (MAX_CHUNKS + 9)))
    yield case(
        "png of as many chunks as may be", partial(small, before=chunk(b"prVt") * (MAX_CHUNKS - 9)), PIXELS
    )
    for kind, head in {b"iCCP": b"a\0\0", b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}.items():
        for name, one in (("", chunk(kind, head + INFLATED)), ("broken ", chunk(kind, head + b"oops"))):
            yield case(f"png of {name}{kind.decode()} storms", partial(small, before=one * 1_000), PIXELS)
            yield case(f"png of {name}{kind.decode()} behind", partial(small, after=one * 1_000), PIXELS)
        bomb = chunk(kind, head + zlib.compress(bytes(50_000_000), 9))
        yield case(f"png of a {kind.decode()} of 50 MB", partial(small, before=bomb), PIXELS)
    lying = pack(">I", 2**31) + b"tEXt"
    yield case("png of lengths that lie", partial(small, before=lying * MANY), PIXELS)
    starts = b"".join(lying + pack(">I", 4 * MANY) + b"IDAT" for _ in range(MANY))
    yield case("png of starts of pixels in it", partial(small, before=starts))
    yield case("png of pixels in doubt", partial(_doubtful, (4_000, 4_000)), PIXELS, pixels=32_000_000)


def _doubtful(size: tuple[int, int]) -> bytes:
    """Pixels that are unpacked once more, since the checksum of their chunk is wrong."""
    whole = png(size)
    return whole[:-16] + bytes(4) + whole[-12:]


def _gifs() -> Iterator[Case]:
    storm = MAX_BLOCKS + 9
    for name, before in {
        "comments in blocks of a byte": b"!\xfe" + b"\x01x" * storm + b"\0",
        "comments of nothing": b"!\xfe\0" * storm,
        "extensions of nothing": b"!\xf9\0\0" * storm,
        "applications": b"!\xff\x0bNETSCAPE2.0\0\0" * storm,
        "unknown blocks": b"\x01" * storm,
    }.items():
        yield case(f"gif of {name}", partial(gif, before=before))
    hidden = b"!\xf9\0\x01," + b"\x01x" * storm + b"\0"
    yield case("gif whose blocks hide behind an empty one", partial(gif, before=hidden), PIXELS)
    hidden = b"!\xff\x0bNETSCAPE2.0\0\x01," + b"\x01x" * storm + b"\0"
    yield case("gif whose blocks hide behind an application", partial(gif, before=hidden), PIXELS)
    commas = gif()[:25] + b"\x01" + b"," * 5_000_000
    yield case("gif of commas", partial(bytes, commas), UNDECODABLE, TOO_MANY)
    broken = b"!\xfe\x40soup" + gif()[25:-1] * 20_000
    yield case("gif of frames behind a broken comment", partial(_in_front, broken), PIXELS)
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * 8_000 + b"\0"
    yield case("gif of a comment of 2 MB", partial(gif, before=comment), PIXELS)
    yield case("gif without an end", lambda: gif()[:40] + b"!\xfe" + b"\x01x" * 40_000, UNDECODABLE, PIXELS)


def _in_front(storm: bytes) -> bytes:
    return gif()[:25] + storm


def _frames() -> Iterator[Case]:
    """Animations of 10,000 frames: the first one counts and no other is decoded."""
    frame = gif()
    yield case(
        "gif of 10,000 frames", lambda: frame[:-1] + frame[frame.index(b",") : -1] * 10_000 + b";", PIXELS
    )
    yield case("apng of 10,000 frames", _apng, PIXELS)
    yield case("webp of 10,000 frames", _animated_webp, PIXELS)
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(100)]
    for kind in ("WEBP", "PNG", "AVIF", "GIF"):
        build = partial(encoded, frames[0], kind, save_all=True, append_images=frames[1:])
        yield case(f"{kind} of 100 frames", build, PIXELS)


def _apng() -> bytes:
    control = pack(">IIIIHHBB", 8, 8, 0, 0, 1, 10, 0, 0)
    pixels = zlib.compress(bytes(25 * 8))
    frames = b"".join(
        chunk(b"fcTL", pack(">I", 2 * n - 1) + control) + chunk(b"fdAT", pack(">I", 2 * n) + pixels)
        for n in range(1, 10_000)
    )
    lead = chunk(b"acTL", pack(">II", 10_000, 0)) + chunk(b"fcTL", pack(">I", 0) + control)
    return png((8, 8), before=lead, after=frames)


def _animated_webp() -> bytes:

    frame = riff(b"ANMF", bytes(6) + b"\x2f\0\0" * 2 + bytes(4) + seed("WEBP")[12:])
    return extended_webp((48, 48), riff(b"ANIM", bytes(6)), frame * 10_000, flags=2)
