"""HEIF files for tests: pillow-heif encodes, and what it would not write is put together box by box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from struct import pack, unpack_from
from typing import Any

import pillow_heif
from PIL import Image

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


def heic(image: Image.Image, **options: Any) -> bytes:
    target = BytesIO()
    pillow_heif.from_pillow(image).save(target, **options)
    return target.getvalue()


@dataclass(frozen=True)
class Layout:
    """How the file says where an item's bytes are; those of Exif may be cut into parts, or lie in `idat`."""

    version: int = 0
    parts: int = 1
    inside: bool = False


@dataclass(frozen=True)
class Item:
    """One item of the file: its type, its properties (whole boxes, in order) and its bytes."""

    kind: bytes
    properties: tuple[bytes, ...]
    data: bytes = b""


@dataclass(frozen=True)
class Reference:
    """From one item to others, which are numbered from 1."""

    kind: bytes
    source: int
    targets: Sequence[int]


def coded(image: Image.Image, *properties: bytes) -> Item:
    """`image` compressed, with further properties."""
    file = heic(image, enc_params={"preset": "ultrafast"})
    at = file.index(b"ispe")
    width, height = unpack_from(">II", file, at + 8)
    return Item(b"hvc1", (_whole(file, b"hvcC"), ispe(width, height), *properties), _whole(file, b"mdat")[8:])


def av1(image: Image.Image, *properties: bytes, **options: Any) -> Item:
    """`image` compressed for AVIF, with further properties."""
    target = BytesIO()
    image.save(target, "AVIF", speed=10, **options)
    file = target.getvalue()
    told = (ispe(*image.size), _whole(file, b"pixi"), _whole(file, b"av1C"), *properties)
    return Item(b"av01", told, _whole(file, b"mdat")[8:])


def tiles(rows: int, columns: int, size: tuple[int, int], *properties: bytes) -> Item:
    """An image of `size` made of others side by side."""
    return Item(b"grid", (ispe(*size), *properties), pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size))


def overlay(size: tuple[int, int]) -> Item:
    """An image of `size` with another laid on it."""
    return Item(b"iovl", (ispe(*size),), bytes(10) + pack(">HHhh", *size, 0, 0))


def exif(orientation: int, *, padding: int = 0) -> Item:
    block = Image.Exif()
    block[0x0112] = orientation
    return Item(b"Exif", (), pack(">I", 6) + block.tobytes() + bytes(padding))


def exif_of(block: bytes, *, skip: int = 0) -> Item:
    """A block as it is, so many bytes behind where it is said to begin."""
    return Item(b"Exif", (), pack(">I", skip) + block)


def xmp(orientation: int) -> Item:
    """A packet that says an orientation."""
    told = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="{orientation}"/></x:xmpmeta>'
    return Item(b"mime", (), told.encode())


def ispe(width: int, height: int) -> bytes:
    return _full(b"ispe", pack(">II", width, height))


def irot(quarters: int) -> bytes:
    """A turn, anticlockwise."""
    return _box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    """0: top and bottom change places; 1: left and right."""
    return _box(b"imir", bytes([axis]))


def clap(width: int, height: int, right: int = 0, down: int = 0, *, over: int = 1) -> bytes:
    """A cut from the centre, or so far from it; all numbers divided by `over`."""
    return _box(b"clap", pack(">IIIIiIiI", width, over, height, over, right, over, down, over))


def nclx(primaries: int, transfer: int, matrix: int = 6) -> bytes:
    """What the numbers of the pixels are."""
    return _box(b"colr", b"nclx", pack(">HHHB", primaries, transfer, matrix, 0x80))


def icc(profile: bytes) -> bytes:
    return _box(b"colr", b"prof", profile)


def broken(kind: bytes, body: bytes = b"") -> bytes:
    """A box with a body that says too little."""
    return _box(kind, body)


def auxc(urn: bytes) -> bytes:
    return _full(b"auxC", urn)


def file_of(
    items: Sequence[Item],
    references: Sequence[Reference] = (),
    *,
    primary: int = 1,
    extents: int = 1,
    brand: bytes = b"heic",
    layout: Layout = Layout(),
) -> bytes:
    """The whole file; Exif is listed as `extents` parts that are all the same bytes."""
    coding = b"avif" if any(item.kind == b"av01" for item in items) else b"heic"
    ftyp = _box(b"ftyp", brand, bytes(4), b"mif1", coding)
    inside = _box(b"idat", *(item.data for item in items if item.kind == b"Exif")) if layout.inside else b""
    start = len(ftyp) + len(_meta(items, references, primary, _iloc(items, 0, extents, layout), inside)) + 8
    meta = _meta(items, references, primary, _iloc(items, start, extents, layout), inside)
    return ftyp + meta + _box(b"mdat", *(item.data for item in items))


def _meta(
    items: Sequence[Item], references: Sequence[Reference], primary: int, iloc: bytes, inside: bytes
) -> bytes:
    entries = [
        _full(b"infe", pack(">HH", number, 0), item.kind, _ending(item.kind), version=2)
        for number, item in enumerate(items, 1)
    ]
    links = [
        _box(link.kind, pack(f">HH{len(link.targets)}H", link.source, len(link.targets), *link.targets))
        for link in references
    ]
    return _full(
        b"meta",
        _full(b"hdlr", bytes(4), b"pict", bytes(13)),
        _full(b"pitm", pack(">H", primary)),
        iloc,
        _full(b"iinf", pack(">H", len(entries)), *entries),
        *([_full(b"iref", *links)] if links else []),
        _properties(items),
        inside,
    )


def _ending(kind: bytes) -> bytes:
    """Of an entry: the item's name, and of XMP its content type."""
    return b"\0application/rdf+xml\0" if kind == b"mime" else b"\0"


def _properties(items: Sequence[Item]) -> bytes:
    shared = list(dict.fromkeys(box for item in items for box in item.properties))
    links = [
        pack(">HB", number, len(item.properties))
        + bytes(0x80 | (shared.index(box) + 1) for box in item.properties)
        for number, item in enumerate(items, 1)
    ]
    return _box(b"iprp", _box(b"ipco", *shared), _full(b"ipma", pack(">I", len(links)), *links))


def _iloc(items: Sequence[Item], start: int, extents: int, layout: Layout) -> bytes:
    entries, within = [], 0
    wide = "I" if layout.version == 2 else "H"
    for number, item in enumerate(items, 1):
        is_exif = item.kind == b"Exif"
        is_inside = is_exif and layout.inside
        method = pack(">H", is_inside) if layout.version else b""
        places = _parts(within if is_inside else start, len(item.data), layout.parts if is_exif else 1)
        places *= extents if is_exif else 1
        entries.append(
            pack(f">{wide}", number)
            + method
            + pack(">HH", 0, len(places))
            + b"".join(pack(">II", *each) for each in places)
        )
        start += len(item.data)
        within += len(item.data) if is_inside else 0
    return _full(b"iloc", b"\x44\0", pack(f">{wide}", len(entries)), *entries, version=layout.version)


def _parts(start: int, length: int, count: int) -> list[tuple[int, int]]:
    """`length` bytes from `start` on, in so many parts side by side."""
    step = max(1, -(-length // count))
    return [(start + at, min(step, length - at)) for at in range(0, length, step)] or [(start, 0)]


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, pack(">I", version << 24), *parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I", len(body) + 8) + kind + body


def _whole(file: bytes, kind: bytes) -> bytes:
    at = file.index(kind) - 4
    (size,) = unpack_from(">I", file, at)
    return file[at : at + size]


UNDO = (None, 0, 3, 1, 5, 2, 6, 4)
"""For each Exif orientation the turn of Pillow's that it undoes."""
TURNS = (
    (),
    (imir(1),),
    (irot(2),),
    (imir(0),),
    (irot(1), imir(0)),
    (irot(3),),
    (irot(3), imir(0)),
    (irot(1),),
)
"""The same, in the properties of HEIF."""
