"""HEIC and AVIF are turned once: as their container says, or else by the Exif of the primary image."""

from __future__ import annotations

import tracemalloc
from struct import pack

import pytest
from PIL import Image

from model.data import inspecting
from model.formats.iso_boxes import MAX_EXIF, primary_image
from model.preprocess import Preprocess
from tests.unit.heif_builders import (
    TURNS,
    UNDO,
    Item,
    Layout,
    Reference,
    av1,
    coded,
    exif,
    exif_of,
    file_of,
    imir,
    irot,
    tiles,
    xmp,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
TOLERANCE = 12
DESCRIBES = [Reference(b"cdsc", 2, [1])]
HEIC, AVIF = "HEIC", "AVIF"
KINDS = (HEIC, AVIF)
TIFF_6 = b"II*\0\x08\0\0\0" + pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
TIFF_6_BIG = b"MM\0*\0\0\0\x08" + pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)


def upright() -> Image.Image:
    """Red and green over blue and white: no two turns of it look alike."""
    image = Image.new("RGB", (128, 128), WHITE)
    for shade, corner in ((RED, (0, 0)), (GREEN, (64, 0)), (BLUE, (0, 64))):
        image.paste(shade, (*corner, corner[0] + 64, corner[1] + 64))
    return image


def stored(orientation: int) -> Image.Image:
    undo = UNDO[orientation - 1]
    return upright() if undo is None else upright().transpose(Image.Transpose(undo))


def picture(kind: str, image: Image.Image, *properties: bytes) -> Item:
    return av1(image, *properties) if kind == AVIF else coded(image, *properties)


def written(kind: str, items: list[Item], references: list[Reference], **how: Layout | bytes | int) -> bytes:
    brand = b"avif" if kind == AVIF else b"heic"
    return file_of(items, references, **{"brand": brand} | how)  # type: ignore[arg-type]


def is_upright(data: bytes) -> bool:
    pixels = Preprocess(size=32).decode(data)
    found = [pixels[:, y, x] for y, x in ((8, 8), (8, 24), (24, 8), (24, 24))]
    return all(
        abs(int(value) - want) <= TOLERANCE
        for corner, wanted in zip(found, (RED, GREEN, BLUE, WHITE), strict=True)
        for value, want in zip(corner, wanted, strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_told_by_exif", [True, False])
def test_the_frame_is_that_of_the_upright_picture(kind: str, is_told_by_exif: bool) -> None:  # noqa: FBT001 - a case
    image = Image.new("RGB", (128, 64), RED)
    if is_told_by_exif:
        data = written(kind, [picture(kind, image), exif(6)], DESCRIBES)
    else:
        data = written(kind, [picture(kind, image, irot(3))], [])
    assert (inspecting.frame(data).width, inspecting.frame(data).height) == (64, 128)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_alone_turns(kind: str, orientation: int) -> None:
    items = [picture(kind, stored(orientation)), exif(orientation)]
    assert is_upright(written(kind, items, DESCRIBES))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("told", [1, 3, "the same"])
def test_a_turn_of_the_container_counts_and_exif_beside_it_does_not(
    kind: str, orientation: int, told: int | str
) -> None:
    turns = TURNS[orientation - 1] or (irot(0),)
    says = orientation if told == "the same" else int(told)
    items = [picture(kind, stored(orientation), *turns), exif(says)]
    assert is_upright(written(kind, items, DESCRIBES))


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_never_turns(kind: str) -> None:
    for items in ([xmp(3)], [xmp(3), exif(1)], [xmp(6), exif_of(b"nothing")]):
        links = [Reference(b"cdsc", number, [1]) for number in range(2, 2 + len(items))]
        assert is_upright(written(kind, [picture(kind, upright()), *items], links))
    turned = [picture(kind, stored(6)), xmp(3), exif(6)]
    assert is_upright(written(kind, turned, [Reference(b"cdsc", 2, [1]), Reference(b"cdsc", 3, [1])]))


BLOCKS = {
    "Exif and two zeros": exif_of(b"Exif\0\0" + TIFF_6, skip=6),
    "nothing before it": exif_of(TIFF_6),
    "an offset": exif_of(bytes(20) + TIFF_6, skip=20),
    "an offset that is wrong": exif_of(b"Exif\0\0" + TIFF_6),
    "big-endian": exif_of(TIFF_6_BIG),
    "no header of four bytes": Item(b"Exif", (), b"Exif\0\0" + TIFF_6),
    "a megabyte behind it": exif_of(TIFF_6 + bytes(1_000_000)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", BLOCKS)
def test_every_form_of_the_block_is_read(kind: str, block: str) -> None:
    assert is_upright(written(kind, [picture(kind, stored(6)), BLOCKS[block]], DESCRIBES))


LAYOUTS = [Layout(version, parts) for version in (0, 1, 2) for parts in (1, 3)]
INSIDE = [Layout(version, parts, inside=True) for version in (1, 2) for parts in (1, 3)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS + INSIDE, ids=str)
def test_exif_is_found_wherever_it_lies(kind: str, layout: Layout) -> None:
    assert is_upright(written(kind, [picture(kind, stored(6)), exif(6)], DESCRIBES, layout=layout))


@pytest.mark.parametrize("kind", KINDS)
def test_exif_that_is_listed_many_times_over_is_copied_once(kind: str) -> None:
    block = exif(6, padding=8_000_000)
    data = written(kind, [picture(kind, stored(6)), block], DESCRIBES, extents=64)
    tracemalloc.start()
    try:
        told = primary_image(memoryview(data))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < len(told.exif) <= MAX_EXIF
    assert peak < 8 * MAX_EXIF, "64 copies of 8 MB would be 512 MB"


BROKEN = {
    "nothing": Item(b"Exif", ()),
    "an offset beyond the end": exif_of(b"", skip=2**32 - 1),
    "no TIFF": exif_of(b"Exif\0\0" + b"\xff" * 40, skip=6),
    "a directory beyond the end": exif_of(b"II*\0\xff\xff\xff\x7f"),
    "a directory cut short": exif_of(TIFF_6[:14]),
    "a turn that there is not": exif_of(TIFF_6.replace(b"\x06\0\0\0", b"\x63\0\0\0")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", BROKEN)
def test_broken_exif_costs_nothing(kind: str, block: str) -> None:
    assert is_upright(written(kind, [picture(kind, upright()), BROKEN[block]], DESCRIBES))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("targets", [[3], []])
def test_exif_of_another_image_turns_nothing(kind: str, targets: list[int]) -> None:
    items = [picture(kind, upright()), exif(6), picture(kind, upright().resize((64, 64)))]
    links = [Reference(b"thmb", 3, [1]), *([Reference(b"cdsc", 2, targets)] if targets else [])]
    assert is_upright(written(kind, items, links))


@pytest.mark.parametrize("kind", KINDS)
def test_exif_of_several_images_turns_the_primary_one(kind: str) -> None:
    items = [picture(kind, upright().resize((64, 64))), exif(6), picture(kind, stored(6))]
    assert is_upright(written(kind, items, [Reference(b"cdsc", 2, [1, 3])], primary=3))


@pytest.mark.parametrize("kind", KINDS)
def test_the_brand_mif1_changes_nothing(kind: str) -> None:
    assert is_upright(written(kind, [picture(kind, stored(6)), exif(6)], DESCRIBES, brand=b"mif1"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turns", [(), (irot(3),)])
def test_a_picture_in_tiles_is_turned_as_one(kind: str, turns: tuple[bytes, ...]) -> None:
    image = stored(6).resize((256, 256), Image.Resampling.NEAREST)
    parts = [image.crop((x, y, x + 128, y + 128)) for y in (0, 128) for x in (0, 128)]
    items = [tiles(2, 2, (256, 256), *turns), exif(6), *(picture(kind, each) for each in parts)]
    links = [Reference(b"dimg", 1, [3, 4, 5, 6]), Reference(b"cdsc", 2, [1])]
    assert is_upright(written(kind, items, links))


def test_avif_is_turned_and_then_mirrored_in_whichever_order_that_is_listed() -> None:
    """As MIAF has it, and browsers do; HEIC goes by the order of the list."""
    for turns in ((irot(1), imir(0)), (imir(0), irot(1))):
        assert is_upright(written(AVIF, [picture(AVIF, stored(5), *turns)], []))
    assert is_upright(written(HEIC, [picture(HEIC, stored(7), imir(0), irot(1))], []))
