"""TIFF is read in each layout that is sure to be right; the others, and raw files, are refused by name."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from model import thumbnail
from model.data import inspecting
from model.preprocess import Preprocess
from schemas.errors import Rejected, TooManyPixels, Undecodable
from tests.unit.tiff_builders import Tags, picture, tiff, written

PREPROCESS = Preprocess(size=48)

COLOURS = picture()
GREY = COLOURS[..., 2]
HALF = np.full((48, 48, 1), 128, np.uint8)


def plain(image: Image.Image) -> npt.NDArray[np.uint8]:
    """What the same picture is as a PNG."""
    target = BytesIO()
    image.save(target, "PNG")
    return PREPROCESS.decode(target.getvalue())


def differs(data: bytes, image: Image.Image) -> int:
    return int(np.abs(PREPROCESS.decode(data).astype(int) - plain(image)).max())


def encoded(image: Image.Image, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, "TIFF", **options)
    return target.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        PREPROCESS.decode(data)
    return str(caught.value)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_each_mode_is_read_in_each_compression(mode: str, compression: str | None) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    shown = image.convert("RGB") if mode == "CMYK" else image
    assert differs(encoded(image, compression=compression), shown) == 0


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_is_read(compression: str) -> None:
    image = Image.fromarray(COLOURS).convert("1")
    assert differs(encoded(image, compression=compression), image) == 0


def test_jpeg_in_a_tiff_is_read() -> None:
    image = Image.fromarray(COLOURS)
    assert differs(encoded(image, compression="jpeg", quality=95), image) < 16


LAYOUTS = [
    pytest.param(order, is_big, planar, packed, id=f"{order}{is_big}{planar}{packed}")
    for order, is_big in (("<", False), (">", False), ("<", True))
    for planar in (False, True)
    for packed in (1, 8)
]


@pytest.mark.parametrize(("order", "is_big", "planar", "packed"), LAYOUTS)
def test_both_orders_of_bytes_planes_and_big_ones(
    order: Literal["<", ">"], packed: int, *, is_big: bool, planar: bool
) -> None:
    how: dict[str, Any] = {"order": order, "is_big": is_big, "is_planar": planar, "compression": packed}
    image = Image.fromarray(COLOURS)
    assert differs(tiff(COLOURS, 2, **how), image) == 0
    clear = np.concatenate([COLOURS, HALF], axis=2)
    assert differs(tiff(clear, 2, extra=2, **how), Image.fromarray(clear)) == 0
    assert differs(tiff(np.asarray(image.convert("CMYK")), 5, **how), image) == 0


@pytest.mark.parametrize("packed", [1, 8])
def test_colours_that_are_multiplied_by_their_alpha_are_laid_on_white(packed: int) -> None:
    clear = np.concatenate([COLOURS, HALF], axis=2)
    multiplied = np.concatenate([(COLOURS.astype(int) * 128 // 255).astype(np.uint8), HALF], axis=2)
    assert differs(tiff(multiplied, 2, extra=1, compression=packed), Image.fromarray(clear)) <= 1
    grey = np.stack([GREY // 2, np.full_like(GREY, 128)], axis=-1)
    shown = Image.fromarray(np.stack([GREY, np.full_like(GREY, 128)], axis=-1), "LA")
    assert differs(tiff(grey, 1, extra=1, compression=packed), shown) <= 2


@pytest.mark.parametrize("packed", [1, 8])
@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", False), ("<", True)])
@pytest.mark.parametrize("widened", [1, 257])
def test_a_palette_has_16_bits_a_colour_or_8(
    order: Literal["<", ">"], packed: int, widened: int, *, is_big: bool
) -> None:
    image = Image.fromarray(COLOURS).quantize(256)
    flat = (image.getpalette() or []) + [0] * 768
    colours = tuple(flat[at + channel] * widened for channel in range(3) for at in range(0, 768, 3))
    how: dict[str, Any] = {"order": order, "is_big": is_big, "compression": packed}
    assert differs(tiff(np.asarray(image), 3, more={320: (3, colours)}, **how), image) == 0


@pytest.mark.parametrize("packed", [1, 8])
def test_white_may_be_zero(packed: int) -> None:
    assert differs(tiff(255 - GREY, 0, compression=packed), Image.fromarray(GREY)) == 0


@pytest.mark.parametrize("packed", [1, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bits_are_read_in_grey_and_colours(order: Literal["<", ">"], packed: int) -> None:
    deep = COLOURS.astype(np.uint16) * 257
    assert differs(tiff(deep, 2, order=order, compression=packed), Image.fromarray(COLOURS)) == 0
    assert differs(tiff(deep[..., 2], 1, order=order, compression=packed), Image.fromarray(GREY)) == 0


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_turn_is_the_directory_s_own(turn: int) -> None:
    turned = tiff(COLOURS, 2, more={274: (3, (turn,))})
    upright = Image.fromarray(COLOURS)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(turn)
    assert differs(turned, upright if undo is None else upright.transpose(Image.Transpose(undo))) == 0


def test_the_size_and_the_thumbnail_are_those_of_the_upright_picture() -> None:
    lying = tiff(COLOURS[:, :24], 2, more={274: (3, (6,))})
    found = inspecting.frame(lying)
    assert (found.width, found.height, found.format) == (48, 24, "TIFF")
    shown = thumbnail.opened(BytesIO(lying), 48, quality=90)
    assert shown is not None
    with Image.open(BytesIO(base64.b64decode(shown.partition(",")[2]))) as small:
        assert small.size == (48, 24)


def test_of_many_pages_the_first_counts_whatever_the_next_one_is() -> None:
    image = Image.fromarray(COLOURS)
    pages = encoded(image, save_all=True, append_images=[Image.new("RGB", (9, 9), "red")] * 3)
    assert differs(pages, image) == 0
    whole = tiff(COLOURS, 2)
    for following in (8, 2**32 - 1, len(whole) - 130):
        assert differs(whole[:-4] + following.to_bytes(4, "little"), image) == 0


@pytest.mark.parametrize("tag", [700, 34_377, 34_665, 34_675, 37_724, 50_341, 282, 305])
def test_what_stands_beside_the_picture_never_costs_it(tag: int) -> None:
    for beside in ((1, (255,) * 40), (4, (2**32 - 1,)), (4, (2**32 - 1,) * 9)):
        assert differs(tiff(COLOURS, 2, more={tag: beside}), Image.fromarray(COLOURS)) == 0


SENSOR: dict[str, Tags] = {
    "DNG": {50_706: (1, (1, 4, 0, 0))},
    "NEF": {254: (4, (1,)), 330: (4, (8, 8)), 271: (2, tuple(b"NIKON CORPORATION\0"))},
    "ARW": {254: (4, (1,)), 330: (4, (8, 8)), 271: (2, tuple(b"SONY\0"))},
    "PEF": {259: (3, (65_535,)), 271: (2, tuple(b"PENTAX Corporation\0"))},
    "camera's": {262: (3, (32_803,))},
}


@pytest.mark.parametrize("name", SENSOR)
def test_a_camera_s_raw_file_is_refused_by_name(name: str) -> None:
    assert f"a {name} raw file" in refusal(tiff(COLOURS, 2, more=SENSOR[name]))


def test_a_cr2_is_refused_by_name() -> None:
    assert "a CR2 raw file" in refusal(b"II*\0\x10\0\0\0CR\2\0" + bytes(400))


def test_a_nikon_s_photograph_saved_as_tiff_is_read() -> None:
    told: Tags = {254: (4, (0,)), 271: (2, tuple(b"NIKON CORPORATION\0"))}
    assert differs(tiff(COLOURS, 2, more=told), Image.fromarray(COLOURS)) == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tiff(COLOURS, 2, more={259: (3, (6,))}), "old-style JPEG"),
        (tiff(COLOURS, 2, more={259: (3, (50_000,))}), "Zstandard"),
        (tiff(COLOURS, 2, more={339: (3, (3, 3, 3))}), "floating"),
        (tiff(COLOURS.astype(np.uint32), 2), "32 bits"),
        (tiff(GREY.astype(np.uint16), 0), "16 bits"),
        (tiff(COLOURS.astype(np.uint16), 2, is_planar=True), "planes"),
        (tiff(COLOURS, 8), "colours"),
        (tiff(COLOURS, 6), "subsampled"),
        (tiff(COLOURS, 2, order=">", is_big=True), "BigTIFF"),
        (tiff(COLOURS, 2, more={277: (3, (60,))}), "samples"),
        (written({271: (2, (65, 0))}, b""), "its size is not told"),
    ],
)
def test_what_is_not_read_is_refused_by_name(data: bytes, said: str) -> None:
    assert said in refusal(data)


@pytest.mark.parametrize("packed", [1, 8])
def test_missing_pixels_are_no_black_ones(packed: int) -> None:
    whole = tiff(COLOURS, 2, compression=packed)
    count = int.from_bytes(whole[4:8], "little") - 1
    assert "cut short" in refusal(tiff(COLOURS, 2, compression=packed, more={273: (4, (count,))}))
    assert "missing" in refusal(tiff(COLOURS, 2, compression=packed, more={278: (3, (10,))}))
    assert "cut short" in refusal(whole[: len(whole) // 2])


def test_a_packed_strip_that_ends_early_is_damaged() -> None:
    whole = tiff(COLOURS, 2, compression=8)
    refusal(whole[:40] + bytes(60) + whole[100:])


def test_many_tags_and_strips_and_pixels_are_refused_before_they_cost() -> None:
    many: Tags = dict.fromkeys(range(20_000, 25_000), (3, (1,)))
    assert "tags" in refusal(tiff(COLOURS, 2, more=many))
    assert "strips" in refusal(tiff(COLOURS, 2, more={273: (4, (8,) * 300_001)}))
    assert "no size that can be" in refusal(
        tiff(COLOURS, 2, more={322: (4, (60_000,)), 323: (4, (60_000,)), 324: (4, (8,)), 325: (4, (9,))})
    )
    with pytest.raises(TooManyPixels):
        PREPROCESS.decode(tiff(COLOURS, 2, more={256: (4, (60_000,)), 257: (4, (60_000,))}))


def test_a_damaged_file_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    whole = encoded(Image.fromarray(COLOURS), compression="jpeg")
    for place in range(8, len(whole), 11):
        try:
            PREPROCESS.decode(whole[:place] + b"\xff\xc6\x4d" + whole[place + 3 :])
        except Rejected:
            continue
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
