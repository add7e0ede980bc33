"""What stands beside the pixels and is broken: the photograph is one all the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from struct import pack

from PIL import Image

from tests.hostile.builders import (
    chunk,
    encoded,
    exif,
    extended_webp,
    gif,
    jpeg,
    photograph,
    png,
    riff,
    seed,
    segment,
)
from tests.hostile.case import ANY, PIXELS, UNDECODABLE, Case, case
from tests.unit.heif_builders import Item, Reference, av1, coded, exif_of, file_of, nclx

CODED = {"avif": av1, "heic": coded}
ORIENTATION, RESOLUTION, UNIT = 0x0112, 0x011A, 0x0128
BESIDE_A_PNG = (
    *(
        b"iCCP",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"cICP",
        b"sBIT",
        b"bKGD",
        b"hIST",
        b"tRNS",
        b"pHYs",
        b"sPLT",
        b"eXIf",
    ),
    *(b"tEXt", b"zTXt", b"iTXt", b"tIME", b"acTL", b"fcTL", b"fdAT", b"prVt"),
)
SHORT, ASCII, LONG, RATIONAL, UNDEFINED = 3, 2, 4, 5, 7


def blocks() -> dict[str, bytes]:
    """Blocks of Exif, none of which says a turn that can be believed or says more than it may."""
    orientation = {
        f"orientation {n}": exif((ORIENTATION, SHORT, 1, pack("<H", n))) for n in (0, 9, 255, 65_535)
    }
    loop = exif((0x8769, LONG, 1, pack("<I", 8)), (0x014A, LONG, 1, pack("<I", 8)))
    return orientation | {
        "orientation that is text": exif((ORIENTATION, ASCII, 4, b"six\0")),
        "orientation that is a fraction": exif((ORIENTATION, RATIONAL, 1, pack("<I", 26)), more=bytes(8)),
        "orientation of no values": exif((ORIENTATION, SHORT, 0, b"")),
        "orientation of four billion values": exif((ORIENTATION, SHORT, 2**32 - 1, pack("<I", 8))),
        "orientation of many values": exif((ORIENTATION, SHORT, 9, pack("<I", 26)), more=bytes(18)),
        "orientation of an unknown type": exif((ORIENTATION, 99, 1, b"\1")),
        "orientation twice": exif(*[(ORIENTATION, SHORT, 1, pack("<H", n)) for n in (99, 98)]),
        "a directory within itself": loop,
        "a next directory that is itself": loop[:-4] + pack("<I", 8),
        "a directory beyond the end": b"II*\0" + pack("<I", 2**31),
        "a directory at its own start": b"II*\0" + bytes(4),
        "65,535 entries of which there is one": exif((ORIENTATION, SHORT, 1, b"\0"), count=65_535),
        "values beyond the end": exif((0x010F, ASCII, 100, pack("<I", 2**31))),
        "values that overlap": exif(
            *[(tag, UNDEFINED, 60_000, bytes(4)) for tag in range(500)], more=bytes(55_000)
        ),
        "a resolution by zero": exif(
            (UNIT, SHORT, 1, b"\2"), (RESOLUTION, RATIONAL, 1, pack("<I", 38)), more=bytes(8)
        ),
        "a resolution that is text": exif((UNIT, SHORT, 1, b"\2"), (RESOLUTION, ASCII, 3, b"300")),
        "a resolution of no values": exif((UNIT, SHORT, 1, b"\2"), (RESOLUTION, ASCII, 1, b"\0")),
        "a unit that is text": exif((UNIT, ASCII, 2, b"cm"), (RESOLUTION, LONG, 1, b"\1")),
        "BigTIFF": b"II+\0\x08\0\0\0" + pack("<QQ", 16, 2**60),
        "no byte order": b"XX*\0\x08\0\0\0",
        "Motorola's order in Intel's clothes": b"MM\0*" + pack("<I", 8) + bytes(20),
        "nothing": b"",
        "a byte": b"I",
        "half a header": b"II*\0\x08",
    }


def cases() -> Iterator[Case]:
    for name, block in blocks().items():
        prefixed = b"Exif\0\0" + block
        yield case(f"jpeg with Exif: {name}", partial(jpeg, segment(0xE1, prefixed)), PIXELS)
        yield case(f"png with Exif: {name}", partial(png, (8, 8), before=chunk(b"eXIf", block)), PIXELS)
        webp = partial(extended_webp, (48, 48), seed("WEBP")[12:], riff(b"EXIF", block), flags=8)
        yield case(f"webp with Exif: {name}", webp, PIXELS)
        yield case(f"avif with Exif: {name}", partial(_avif, prefixed), PIXELS)
        yield from _items(name, exif_of(prefixed, skip=6))
    yield from _texts()
    yield from _chunks()
    yield from _extensions()
    yield from _beside_webp()
    yield from _profiles()
    yield from _several()
    yield from _many_items()


def _avif(block: bytes) -> bytes:
    """Pillow writes whatever block it is given, as long as its start looks like one."""
    plain = exif((ORIENTATION, SHORT, 1, b"\1"), more=bytes(2_000))
    data = encoded(photograph(), "AVIF", exif=plain)
    return data.replace(plain, block[6:][: len(plain)].ljust(len(plain), b"\0"))


def _items(name: str, block: Item) -> Iterator[Case]:
    """Exif that Pillow would not write, as an item of its own."""
    for kind, make in CODED.items():
        build = partial(_described, make, block)
        yield case(f"{kind} with an item of Exif: {name}", build, PIXELS)


def _described(make: Callable[[Image.Image], Item], block: Item, *links: Reference) -> bytes:
    picture = make(photograph())
    brand = b"avif" if picture.kind == b"av01" else b"heic"
    return file_of([picture, block], links or [Reference(b"cdsc", 2, [1])], brand=brand)


def _many_items() -> Iterator[Case]:
    """What a walk through the boxes would take a while for."""
    empty = exif_of(b"")
    for kind, make in CODED.items():
        links = [Reference(b"cdsc", 2, [7] * 60_000)] * 60
        yield case(f"{kind} with many links of Exif", partial(_described, make, empty, *links), *ANY)
        huge = exif_of(bytes(5_000_000))
        yield case(f"{kind} with five megabytes of no Exif", partial(_described, make, huge), PIXELS)
        for name, box in {
            "PQ": nclx(9, 16),
            "HLG": nclx(12, 18),
            "numbers that there are not": nclx(65_535, 65_535, 255),
        }.items():
            build = partial(_with, make, box)
            yield case(f"{kind} in {name}", build, PIXELS, UNDECODABLE)


def _with(make: Callable[..., Item], box: bytes) -> bytes:
    picture = make(photograph(), box)
    return file_of([picture], brand=b"avif" if picture.kind == b"av01" else b"heic")


def _texts() -> Iterator[Case]:
    for name, text in {
        "no hexadecimal": b"\nexif\n  8\nnothing of the kind",
        "one line": b"x",
        "an odd number of digits": b"\nexif\n 3\n454",
    }.items():
        body = b"Raw profile type exif\0" + text
        yield case(f"png whose profile is {name}", partial(png, (8, 8), before=chunk(b"tEXt", body)), PIXELS)
        packed = b"Raw profile type exif\0\0" + zlib.compress(text)
        yield case(
            f"png whose packed profile is {name}", partial(png, (8, 8), before=chunk(b"zTXt", packed)), PIXELS
        )
    for name, xmp in {
        "a nine": b'tiff:Orientation="9"',
        "bytes": b'\xff\xfe\0tiff:Orientation="',
        "a bomb": b"<x>" * 20_000,
    }.items():
        where = b"http://ns.adobe.com/xap/1.0/\0"
        yield case(f"jpeg whose XMP is {name}", partial(jpeg, segment(0xE1, where + xmp)), PIXELS)
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
        yield case(f"png whose XMP is {name}", partial(png, (8, 8), before=chunk(b"iTXt", text)), PIXELS)


def _chunks() -> Iterator[Case]:
    """Beside the pixels of a PNG, before and behind them: every kind that there is, broken in every way."""
    for kind in BESIDE_A_PNG:
        for body in (b"", b"\0", b"name\0", b"name\0\x09oops", b"name\0\0oops", b"\xff" * 40):
            build = partial(png, (8, 8), before=chunk(kind, body))
            yield case(f"png with {kind.decode()} of {body[:12]!r}, {len(body)} bytes", build, PIXELS)
        whole = chunk(kind, bytes(9))
        for name, piece in {
            "a wrong checksum": whole[:-1] + b"?",
            "a length too small": pack(">I", 3) + whole[4:],
            "a length too large": pack(">I", 40) + whole[4:],
            "a length beyond the file": pack(">I", 2**31) + whole[4:],
            "no checksum": whole[:-4],
            "a twin": whole * 2,
            "5 MB": chunk(kind, bytes(5_000_000)),
        }.items():
            before, behind = partial(png, (8, 8), before=piece), partial(png, (8, 8), after=piece)
            yield case(f"png with {kind.decode()} of {name}", before, PIXELS)
            yield case(f"png with {kind.decode()} of {name} behind", behind, PIXELS)


def _extensions() -> Iterator[Case]:
    """In front of the frame of a GIF, and behind it."""
    for label in (0x01, 0x77, 0xF9, 0xFE, 0xFF):
        for name, rest in {
            "nothing": b"\0",
            "a byte": b"\1\1\0",
            "no end": b"\4\1\0\0\0",
            "less than it says": b"\x40soup",
            "more than it says": b"\2soup, and more; of it\0",
            "no length": b"",
        }.items():
            piece = b"!" + bytes([label]) + rest
            for place, build in {
                "in front": partial(gif, before=piece),
                "behind": partial(_behind_a_gif, piece),
            }.items():
                yield case(f"gif with an extension {label:#x} of {name} {place}", build, PIXELS)


def _behind_a_gif(piece: bytes) -> bytes:
    return gif()[:-1] + piece


def _beside_webp() -> Iterator[Case]:
    """Chunks of a WebP in front of its picture and behind it, in every way that a length can lie."""
    for codec in ("WEBP", "LOSSLESS"):
        picture = seed(codec)[12:]
        for kind in (b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ABCD"):
            for length in (0, 1, 5, 33, 34, 1_000, 2**31, 2**32 - 1):
                piece = kind + pack("<I", length) + b"x" * 34
                name = f"{codec} with {kind.decode()} of 34 bytes that says {length:,}"
                behind = partial(extended_webp, (48, 48), picture, piece, flags=44)
                yield case(f"{name} behind", behind, PIXELS)
                yield case(name, partial(extended_webp, (48, 48), piece, picture, flags=44), PIXELS)
        for off in (-100, -2, -1, 1, 2, 100, 2**30):
            told = pack("<I", len(seed(codec)) - 8 + off)
            yield case(
                f"{codec} of a length off by {off}", partial(bytes, b"RIFF" + told + seed(codec)[8:]), PIXELS
            )
    starts = b"RIFF" + pack("<I", 2**31) + b"WEBP" + b"VP8 ANMFALPH" * 300_000
    yield case("webp of starts of pictures", partial(bytes, starts))
    yield case("webp of chunks of nothing", partial(extended_webp, (48, 48), riff(b"ABCD", b"") * 600_000))


def _profiles() -> Iterator[Case]:
    junk = bytes(range(256)) * 200
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        yield case(
            f"{kind} with a profile that is none",
            partial(encoded, photograph(), kind, icc_profile=junk),
            PIXELS,
        )
    one = b"ICC_PROFILE\0"
    yield case("jpeg whose profile has no parts", partial(jpeg, segment(0xE2, one)), PIXELS, UNDECODABLE)
    yield case(
        "jpeg whose profile counts wrongly", partial(jpeg, segment(0xE2, one + b"\x07\x09abc") * 3), PIXELS
    )
    for app in range(16):
        for name in (
            b"",
            b"JFIF",
            b"JFIF\0",
            b"Adobe\0",
            b"Photoshop 3.0\08BIM\x03\xed\0\0\0\0\0\1x",
            b"MPF\0",
        ):
            build = partial(jpeg, segment(0xE0 + app, name))
            yield case(f"jpeg with APP{app} of {name!r}", build, PIXELS, UNDECODABLE)


def _several() -> Iterator[Case]:
    """Files of several pictures whose list of them is wrong: the first one is there all the same."""
    frames = [photograph(), Image.new("RGB", (48, 48), "red")]
    whole = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    yield case("mpo", partial(bytes, whole), PIXELS)
    at = whole.index(b"MPF\0") + 4
    for name, place, patch in (
        ("without a byte order", 0, b"XX"),
        ("whose directory is elsewhere", 4, pack("<I", 2**31)),
        ("of no entries", 8, bytes(2)),
        ("of 65,535 entries", 8, b"\xff\xff"),
        ("of 4 billion pictures", 30, b"\xff" * 4),
        ("of a thousand pictures", 30, pack("<I", 1_000)),
        ("whose pictures lie nowhere", 50, b"\xff" * 32),
        ("whose list is too long", 36, b"\xff" * 4),
    ):
        data = whole[: at + place] + patch + whole[at + place + len(patch) :]
        yield case(f"mpo {name}", partial(bytes, data), PIXELS)
    yield case(
        "mpo cut behind its first picture", partial(bytes, whole[: whole.index(b"\xff\xd9") + 2]), PIXELS
    )
    for frames_claimed in (0, 2, 2**31, 2**32 - 1):
        lead = chunk(b"acTL", pack(">II", frames_claimed, 0))
        yield case(
            f"apng that claims {frames_claimed} frames",
            partial(png, (8, 8), before=lead),
            PIXELS,
        )
    for box in ((0, 0, 0, 0), (8, 8, 1, 1), (2**31, 2**31, 2**31, 2**31), (1, 1, 0, 0)):
        lead = chunk(b"acTL", pack(">II", 2, 0)) + chunk(b"fcTL", pack(">IIIIIHHBB", 0, *box, 1, 10, 0, 0))
        yield case(f"apng of a frame at {box}", partial(png, (8, 8), before=lead), PIXELS)
