"""ISO boxes of a still picture (ISO 14496-12, 23008-12): what the primary image is told to be, and its Exif.

The walk is bounded and forgiving: a box that is broken, too short or one too many says nothing, and the
decoder behind it judges the file. Nothing but the Exif is copied, and of that no more than `MAX_EXIF`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from struct import calcsize, unpack_from
from struct import error as short
from typing import Final

Box = tuple[bytes, memoryview]

VERSION_AND_FLAGS: Final = 4
"""Bytes, at the start of a full box."""

MAX_EXIF: Final = 1 << 20
"""Bytes of Exif that are looked at: what turns a picture stands at the start."""

MAX_EXTENTS: Final = 64
MAX_ITEMS: Final = 1 << 16
"""That are looked at, and boxes side by side."""

MAX_LINKS: Final = 1_024
"""From Exif to images, and from one of them."""

MAX_PROPERTIES: Final = 64
"""Of one image; a dozen are common."""

FREE: Final = b"free"
"""Kind of a box, and of an item, that says nothing."""

PROFILES: Final = frozenset({b"prof", b"rICC"})
"""Kinds of `colr` with an ICC profile, of any length but none."""

TIFF_HEADERS: Final = (b"II*\0", b"MM\0*")


@dataclass(frozen=True, slots=True)
class PrimaryImage:
    """The properties of a file's primary image, in their order, and its block of Exif (b"" if none)."""

    properties: Sequence[Box] = ()
    exif: bytes = b""

    def first(self, kind: bytes) -> memoryview | None:
        """The body of its first property of that kind."""
        return next((body for each, body in self.properties if each == kind), None)

    @property
    def turns(self) -> list[Box]:
        """Those of its properties that turn it, in their order."""
        return [each for each in self.properties if each[0] in {b"irot", b"imir"}]


def primary_image(data: memoryview) -> PrimaryImage:
    """Of the file `data`; one without properties where there is none that can be found."""
    try:
        meta = dict(boxes(_children(_child(data, b"meta"))))
        number = _number(meta[b"pitm"])
    except (KeyError, IndexError, short):
        return PrimaryImage()
    return PrimaryImage(tuple(_properties(meta, number)), _exif(data, meta, number))


def boxes(data: memoryview) -> Iterator[Box]:
    """The boxes side by side in `data`, each with its body; one that is too long ends with `data`."""
    for kind, _at, body in placed(data):
        yield kind, body


def placed(data: memoryview) -> Iterator[tuple[bytes, int, memoryview]]:
    """The boxes side by side in `data`, each with the place of its kind."""
    with suppress(short):
        for kind, at, start, end in islice(spans(data), MAX_ITEMS):
            yield kind, at + 4, data[start:end]


def spans(data: memoryview) -> Iterator[tuple[bytes, int, int, int]]:
    """Of each of them the kind, where it and its body begin, and where it says that it ends, be it beyond.

    All of them: nothing bounds how many. Raises `struct.error` where a length of 64 bits is cut.
    """
    at = 0
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,), start = unpack_from(">Q", data, start), at + 16
        end = at + size if size else len(data)
        if end < start:
            return
        yield kind, at, start, end
        at = end


def hide(data: memoryview, items: Container[bytes], shortest: Mapping[bytes, int]) -> None:
    """In place: items of these kinds, and properties that are shorter than these, become free space."""
    try:
        meta = dict(boxes(_children(_child(data, b"meta"))))
        listed, properties = meta[b"iinf"], _child(meta[b"iprp"], b"ipco")
        for kind, _at, body in placed(listed[VERSION_AND_FLAGS + (4 if listed[0] else 2) :]):
            told = _kind(body) if kind == b"infe" else body[:0]
            if told.tobytes() in items:
                told[:] = FREE
        for kind, at, body in placed(properties):
            if len(body) < shortest.get(kind, 0) and not _is_profile(kind, body):
                properties[at : at + len(FREE)] = FREE
    except (KeyError, IndexError, short):
        return


def nclx(primary: PrimaryImage) -> tuple[int, int]:
    """Transfer and primaries, as ITU-T H.273 counts them; (2, 2), which is "unspecified", if none."""
    for kind, body in primary.properties:
        if kind == b"colr" and bytes(body[:4]) == b"nclx" and len(body) >= 8:  # noqa: PLR2004 - up to the two
            primaries, transfer = unpack_from(">HH", body, 4)
            return transfer, primaries
    return 2, 2


def _children(body: memoryview) -> memoryview:
    return body[VERSION_AND_FLAGS:]


def _child(data: memoryview, wanted: bytes) -> memoryview:
    for kind, body in boxes(data):
        if kind == wanted:
            return body
    raise KeyError(wanted)


def _number(body: memoryview) -> int:
    """An item's number, behind version and flags; 16 bits in version 0, else 32."""
    return int(unpack_from(">I" if body[0] else ">H", body, VERSION_AND_FLAGS)[0])


def _properties(meta: dict[bytes, memoryview], number: int) -> Iterator[Box]:
    try:
        known = list(boxes(_child(meta[b"iprp"], b"ipco")))
        for kind, body in boxes(meta[b"iprp"]):
            if kind == b"ipma":
                yield from (known[each - 1] for each in _linked(body, number) if 0 < each <= len(known))
    except (KeyError, IndexError, short):
        return


def _linked(body: memoryview, number: int) -> list[int]:
    """The places, from 1, of the properties that `ipma` links to an item, essential or not."""
    item, link, mask = (
        ">I" if body[0] else ">H",
        ">H" if body[3] & 1 else ">B",
        0x7FFF if body[3] & 1 else 0x7F,
    )
    (count,), at = unpack_from(">I", body, VERSION_AND_FLAGS), 2 * VERSION_AND_FLAGS
    for _ in range(min(count, MAX_ITEMS)):
        (owner,), at = unpack_from(item, body, at), at + calcsize(item)
        links, at = body[at], at + 1
        if owner == number:
            places = range(at, at + min(links, MAX_PROPERTIES) * calcsize(link), calcsize(link))
            return [int(unpack_from(link, body, place)[0]) & mask for place in places]
        at += links * calcsize(link)
    return []


def _exif(data: memoryview, meta: dict[bytes, memoryview], number: int) -> bytes:
    """The block that is told to describe the item, from its TIFF header on."""
    try:
        describing = set(_describing(meta.get(b"iref", data[:0]), number))
        wanted = next((each for each in _items(meta[b"iinf"], b"Exif") if each in describing), None)
        block = b"" if wanted is None else _content(data, meta, wanted)
    except (KeyError, IndexError, short):
        return b""
    starts = [place for header in TIFF_HEADERS if (place := block.find(header)) >= 0]
    return block[min(starts) :] if starts else b""


def _describing(references: memoryview, number: int) -> Iterator[int]:
    form = ">I" if references[:1].tobytes() == b"\x01" else ">H"
    links = boxes(references[VERSION_AND_FLAGS:])
    for body in islice((body for kind, body in links if kind == b"cdsc"), MAX_LINKS):
        (source,), width = unpack_from(form, body), calcsize(form)
        (count,) = unpack_from(">H", body, width)
        places = range(
            width + 2, min(width + 2 + min(count, MAX_LINKS) * width, len(body) - width + 1), width
        )
        if any(unpack_from(form, body, place)[0] == number for place in places):
            yield source


def _items(listed: memoryview, kind: bytes) -> Iterator[int]:
    """The numbers of the items of that kind; entries before version 2 have none."""
    start = VERSION_AND_FLAGS + (4 if listed[0] else 2)
    for entry, body in boxes(listed[start:]):
        if entry == b"infe" and _kind(body).tobytes() == kind:
            yield _whole(body, VERSION_AND_FLAGS, _wide(body))


def _kind(entry: memoryview) -> memoryview:
    """Where an entry of `iinf` says the kind of its item."""
    start = VERSION_AND_FLAGS + _wide(entry) + 2
    return entry[start : start + 4] if entry[0] >= 2 else entry[:0]  # noqa: PLR2004 - the version


def _wide(entry: memoryview) -> int:
    """Bytes of an item's number."""
    return 4 if entry[0] > 2 else 2  # noqa: PLR2004 - the version


def _is_profile(kind: bytes, body: memoryview) -> bool:
    return kind == b"colr" and body[:4].tobytes() in PROFILES and len(body) > len(FREE)


def _content(data: memoryview, meta: dict[bytes, memoryview], number: int) -> bytes:
    inside, content = meta.get(b"idat", data[:0]), bytearray()
    for method, start, length in _extents(meta[b"iloc"], number):
        if method <= 1:
            wanted = min(length or MAX_EXIF, MAX_EXIF - len(content))
            content += (inside if method == 1 else data)[start : start + wanted]
    return bytes(content)


def _extents(places: memoryview, number: int) -> Iterator[tuple[int, int, int]]:
    """Of an item: how its bytes are found (in the file, or in `idat`), from where, how many."""
    version, sizes, at = places[0], unpack_from(">H", places, VERSION_AND_FLAGS)[0], 6
    offset, length, base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2  # noqa: PLR2004 - of 32 bits
    count, at = _whole(places, at, wide), at + wide
    for _ in range(min(count, MAX_ITEMS)):
        owner, at = _whole(places, at, wide), at + wide
        method, at = (_whole(places, at, 2) & 15, at + 2) if version else (0, at)
        start, at = _whole(places, at + 2, base), at + 2 + base
        extents, at = _whole(places, at, 2), at + 2
        step = index + offset + length
        if owner == number:
            for place in range(at, at + min(extents, MAX_EXTENTS) * step, max(1, step)):
                far = _whole(places, place + index, offset)
                yield method, start + far, _whole(places, place + index + offset, length)
            return
        at += extents * step


def _whole(data: memoryview, at: int, width: int) -> int:
    if at + width > len(data):
        raise IndexError("cut short")
    return int.from_bytes(data[at : at + width], "big")
