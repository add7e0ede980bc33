"""Every kind of pixel that a format can carry, palettes that are too short, and colours that lie."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import pack

from PIL import Image

from tests.hostile.builders import chunk, encoded, jpeg, photograph, png, seed, segment
from tests.hostile.case import ANY, PIXELS, UNDECODABLE, Case, case

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Of each colour type of a PNG."""

CARRIED = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB"),
    "AVIF": ("L", "LA", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}


def cases() -> Iterator[Case]:
    for kind, modes in CARRIED.items():
        for mode in modes:
            yield case(f"{kind} of mode {mode}", partial(_carried, kind, mode), PIXELS)
    for colour, depths in DEPTHS.items():
        for depth in range(17):
            endings = (PIXELS,) if depth in depths else (UNDECODABLE,)
            before = chunk(b"PLTE", bytes(3)) if colour == 3 else b""
            build = partial(png, (9, 9), depth, colour, before=before)
            yield case(f"png of colour type {colour} in {depth} bits", build, *endings)
    yield from _palettes()
    yield from _transparency()
    yield from _jpegs()
    yield from _kinds()


def _carried(kind: str, mode: str) -> bytes:
    image = Image.new(mode, (20, 20), 300) if mode == "I;16" else photograph().convert(mode)
    return encoded(image, kind)


def _palettes() -> Iterator[Case]:
    for name, palette in {
        "none": b"",
        "an empty one": chunk(b"PLTE"),
        "one of one entry": chunk(b"PLTE", b"\x01\x02\x03"),
        "one cut within an entry": chunk(b"PLTE", b"\x01\x02\x03\x04"),
        "one of 300 entries": chunk(b"PLTE", bytes(900)),
        "two": chunk(b"PLTE", bytes(9)) * 2,
    }.items():
        build = partial(png, (9, 9), 8, 3, before=palette)
        ending = UNDECODABLE if name in ("none", "an empty one") else PIXELS
        yield case(f"png of a palette: {name}", build, ending)
    short = seed("GIF")
    yield case("gif whose palette is cut", lambda: short[:10] + b"\x80" + short[11:], *ANY)
    yield case("gif without a palette", lambda: short[:10] + b"\0" + short[11:], *ANY)


def _transparency() -> Iterator[Case]:
    """A transparent colour in each mode that may have one, and in those that may not."""
    for colour, depths in DEPTHS.items():
        for alpha in (b"", b"\0", bytes(2), bytes(6), b"\xff" * 6, bytes(range(256)), bytes(300)):
            before = (chunk(b"PLTE", bytes(768)) if colour == 3 else b"") + chunk(b"tRNS", alpha)
            for depth in depths:
                build = partial(png, (9, 9), depth, colour, before=before)
                name = (
                    f"png of colour type {colour} in {depth} bits with {len(alpha)} of tRNS {alpha[:1].hex()}"
                )
                yield case(name, build, PIXELS)


def _jpegs() -> Iterator[Case]:
    for kind in ("L", "RGB", "CMYK"):
        plain = encoded(photograph().convert(kind), "JPEG")
        for transform in (0, 1, 2, 9):
            adobe = segment(0xEE, b"Adobe\0" + pack(">HHHB", 100, 0, 0, transform)[1:])
            yield case(
                f"jpeg of {kind}, by Adobe's {transform}",
                partial(jpeg, adobe, file=plain),
                PIXELS,
                UNDECODABLE,
            )
        yield case(
            f"jpeg of {kind}, by a cut Adobe",
            partial(jpeg, segment(0xEE, b"Adobe"), file=plain),
            PIXELS,
            UNDECODABLE,
        )
    for sampling in (0x00, 0x14, 0x41, 0x44, 0xFF):
        yield case(f"jpeg sampled {sampling:#x}", partial(_frame, 11, sampling), PIXELS, UNDECODABLE)
    for components in (0, 1, 2, 4, 5, 255):
        yield case(f"jpeg of {components} components", partial(_frame, 9, components), PIXELS, UNDECODABLE)
    for bits in (0, 2, 12, 16):
        yield case(f"jpeg of {bits} bits", partial(_frame, 4, bits))


def _frame(place: int, value: int) -> bytes:
    """A JPEG with one byte of its frame header changed."""
    data = bytearray(seed("JPEG"))
    data[data.index(b"\xff\xc0") + place] = value
    return bytes(data)


def _kinds() -> Iterator[Case]:
    """Every kind of frame that a JPEG may be of: lossless, hierarchical and arithmetic ones too."""
    for marker in range(0xC0, 0xD0):
        for kind, own in (("JPEG", b"\xff\xc0"), ("PROGRESSIVE", b"\xff\xc2")):
            data = seed(kind).replace(own, bytes([0xFF, marker]), 1)
            yield case(f"{kind} called a frame of {marker:#x}", partial(bytes, data), PIXELS, UNDECODABLE)
