"""Files that claim a size, or have one: more pixels than may be, or another number than they say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import pack

from PIL import Image

from model.preprocess import MAX_PIXELS
from tests.hostile.builders import (
    PNG_MAGIC,
    chunk,
    encoded,
    extended_webp,
    gif,
    header,
    patched,
    photograph,
    png,
    riff,
    seed,
    sized_jpeg,
)
from tests.hostile.case import PIXELS, TOO_MANY, UNDECODABLE, Case, case
from tests.unit.heif_builders import Item, Reference, clap, coded, file_of, irot, ispe, overlay, tiles

SIDE = 9_400
"""Squared, it is just below the cap."""


def cases() -> Iterator[Case]:
    yield from _claims()
    yield from _real()
    yield from _boxes()
    yield from _shapes()


def _claims() -> Iterator[Case]:
    for size in ((30_000, 30_000), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (88_000_000, 1), (1, 88_000_000)):
        empty = PNG_MAGIC + header(size, 16, 6) + chunk(b"IDAT", b"x") + chunk(b"IEND")
        yield case(f"png claims {size[0]} x {size[1]}", partial(bytes, empty), TOO_MANY, UNDECODABLE)
    for kind in ("JPEG", "PROGRESSIVE"):
        for size in ((65_500, 65_500), (65_535, 3_900), (16_000, 16_000)):
            yield case(f"{kind} claims {size}", partial(sized_jpeg, *size, kind=kind), TOO_MANY)
        for size in ((65_500, 1_400), (9_500, 9_500)):
            claimed = size[0] * size[1] // 8
            yield case(f"{kind} claims {size}", partial(sized_jpeg, *size, kind=kind), pixels=claimed)
        yield case(f"{kind} claims less", partial(sized_jpeg, 8, 8, kind=kind), PIXELS, UNDECODABLE)
        yield case(
            f"{kind} claims more",
            partial(sized_jpeg, 2_000, 2_000, kind=kind),
            UNDECODABLE,
            PIXELS,
            pixels=4_000_000,
        )
    yield case("gif claims a huge screen", partial(gif, screen=(65_535, 65_535)), TOO_MANY)
    yield case("gif claims a huge frame", partial(gif, frame=(65_535, 65_535)), TOO_MANY)
    yield case(
        "gif claims a wide screen", partial(gif, screen=(2_000, 2_000)), PIXELS, UNDECODABLE, pixels=4_000_000
    )
    lossy, lossless = seed("WEBP")[12:], seed("LOSSLESS")[12:]
    for canvas in ((2**24, 255), (16_384, 16_384), (13_000, 13_000)):
        for kind, frame in (("lossy", lossy), ("lossless", lossless)):
            yield case(f"webp, {kind}, claims {canvas}", partial(extended_webp, canvas, frame), TOO_MANY)
    yield case("webp claims a canvas without a frame", partial(extended_webp, (8, 8)))
    yield case("webp claims less than its frame", partial(extended_webp, (8, 8), lossy))
    huge = pack("<I", 0x3FFF | 0x3FFF << 14)
    yield case("webp, lossless, claims 16,384 x 16,384", lambda: _at(seed("LOSSLESS"), 21, huge), TOO_MANY)
    yield case(
        "webp, lossy, claims 16,383 x 16,383", lambda: _at(seed("WEBP"), 26, b"\xff\x3f\xff\x3f"), TOO_MANY
    )
    frame = bytes(6) + b"\xff\xff\xff" * 2 + bytes(4) + lossy
    yield case(
        "webp of a frame outside of its canvas",
        partial(extended_webp, (48, 48), riff(b"ANIM", bytes(6)), riff(b"ANMF", frame), flags=2),
    )


def _real() -> Iterator[Case]:
    """Pixels that are really there, from files of some kilobytes."""
    below, above = (SIDE, SIDE), (SIDE, MAX_PIXELS // SIDE + 1)
    yield case("png of RGBA below the cap", partial(png, below, 8, 6), PIXELS, pixels=MAX_PIXELS)
    yield case("png above the cap", partial(png, above, 1, 0), TOO_MANY)
    red = (255, 0, 0, 9)
    yield case(
        "webp below the cap",
        lambda: encoded(Image.new("RGBA", below, red), "WEBP", lossless=True, method=0, quality=0),
        PIXELS,
        pixels=MAX_PIXELS,
    )
    yield case(
        "progressive jpeg below the cap",
        lambda: encoded(Image.new("L", below), "JPEG", progressive=True),
        PIXELS,
        pixels=MAX_PIXELS,
    )
    huge = (15_800, 15_800)
    yield case(
        "jpeg of 250 megapixels, drafted",
        lambda: encoded(Image.new("L", huge), "JPEG"),
        PIXELS,
        pixels=huge[0] * huge[1] // 4,
    )
    half = (6_000, 6_000)
    clear = chunk(b"gAMA", pack(">I", 100_000)) + chunk(b"tRNS", bytes(6))
    deep = partial(png, half, 16, 2, before=clear)
    yield case("png of 16 bits with a clear colour", deep, PIXELS, pixels=36_000_000)
    hdr = partial(png, half, 16, 6, before=chunk(b"cICP", b"\x09\x10\0\x01"))
    yield case("png in PQ", hdr, PIXELS, pixels=36_000_000)
    for depth, colour in ((16, 0), (16, 6), (8, 4)):
        yield case(
            f"large png of colour type {colour} in {depth} bits",
            partial(png, half, depth, colour),
            PIXELS,
            pixels=36_000_000,
        )
    yield case(
        "gif of 16 megapixels",
        lambda: encoded(Image.new("P", (4_000, 4_000)), "GIF"),
        PIXELS,
        pixels=16_000_000,
    )
    yield case(
        "avif of 9 megapixels",
        lambda: encoded(Image.new("RGBA", (3_000, 3_000), red), "AVIF", speed=10),
        PIXELS,
        pixels=9_000_000,
    )


def _at(data: bytes, place: int, patch: bytes) -> bytes:
    return data[:place] + patch + data[place + len(patch) :]


def _boxes() -> Iterator[Case]:
    """AVIF and HEIC whose boxes say one thing and whose pictures are another."""
    for kind in ("AVIF", "HEIC"):
        for size in ((30_000, 30_000), (2**32 - 1, 2**32 - 1), (9_500, 9_500)):
            lie = partial(patched, seed(kind), b"ispe", pack(">II", *size))
            yield case(f"{kind} claims {size}", lie, TOO_MANY, UNDECODABLE)
        for size in ((0, 0), (0, 48), (1, 1), (47, 48), (49, 48), (2_000, 2_000)):
            lie = partial(patched, seed(kind), b"ispe", pack(">II", *size))
            yield case(f"{kind} claims {size}", lie, PIXELS, UNDECODABLE, pixels=4_000_000)
    flat = coded(photograph(64))
    for name, box in {
        "a cut of nothing": clap(0, 0),
        "a cut larger than the picture": clap(65_000, 65_000),
        "a turn by seven quarters": irot(7),
    }.items():
        item = Item(flat.kind, (*flat.properties, box), flat.data)
        yield case(f"heic with {name}", partial(file_of, [item]), PIXELS, UNDECODABLE, TOO_MANY)
    for rows, columns, size in ((16, 16, (64, 64)), (1, 1, (9_000, 9_000)), (256, 256, (16_384, 16_384))):
        items = [tiles(rows, columns, size), flat]
        build = partial(file_of, items, [Reference(b"dimg", 1, [2] * min(rows * columns, 65_535))])
        yield case(
            f"heic of {rows} x {columns} tiles that claims {size}",
            build,
            UNDECODABLE,
            TOO_MANY,
            PIXELS,
            pixels=1_100_000,
        )
    phone = [tiles(6, 8, (16_320, 12_240)), coded(Image.new("RGB", (2_048, 2_048), "teal"))]
    yield case(
        "heic of 200 megapixels",
        partial(file_of, phone, [Reference(b"dimg", 1, [2] * 48)]),
        PIXELS,
        pixels=202_000_000,
    )
    yield case(
        "heic whose tiles are itself", lambda: file_of([tiles(1, 1, (64, 64))], [Reference(b"dimg", 1, [1])])
    )
    yield case(
        "heic whose overlay is itself", lambda: file_of([overlay((64, 64))], [Reference(b"dimg", 1, [1])])
    )
    yield case(
        "heic of derivations in a ring",
        lambda: file_of(
            [Item(b"iden", (ispe(64, 64),))] * 3, [Reference(b"dimg", n, [n % 3 + 1]) for n in (1, 2, 3)]
        ),
    )
    yield case(
        "heic whose picture lies nowhere",
        lambda: seed("HEIC").replace(b"mdat", b"free", 1),
        UNDECODABLE,
        PIXELS,
    )


def _shapes() -> Iterator[Case]:
    for size in ((1, 1), (1, 65_535), (65_535, 1), (1, 3), (5, 1)):
        yield case(f"png of {size}", partial(png, size, 16, 6), PIXELS, pixels=65_535)
        for kind, most in (("JPEG", 65_500), ("GIF", 65_535), ("WEBP", 16_383)):
            shape = tuple(min(side, most) for side in size)
            yield case(f"{kind} of {shape}", partial(_flat, shape, kind), PIXELS, pixels=65_535 * 16)
    yield case("png of 65,536 x 1", partial(png, (65_536, 1)), TOO_MANY)
    for width, height in ((0, 0), (0, 5), (5, 0)):
        yield case(f"png of {width} x {height}", partial(png, (width, height)))
        yield case(f"jpeg of {width} x {height}", partial(sized_jpeg, width, height))
        yield case(f"gif of {width} x {height}", partial(gif, screen=(width, height), frame=(width, height)))


def _flat(size: tuple[int, ...], kind: str) -> bytes:
    return encoded(Image.new("RGB", (size[0], size[1]), "teal"), kind)
