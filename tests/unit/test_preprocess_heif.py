"""An iPhone's photographs come out as any other: upright, whole, and of the primary image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from model.formats.avif import AvifPhotograph
from model.formats.heif import HeifImageFile
from model.preprocess import Fit, Pixels, Preprocess
from tests.unit.heif_builders import TURNS, UNDO, Reference, coded, exif, file_of, heic, irot, tiles

RED, GREEN, BLUE, WHITE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128)
TOLERANCE = 8


def decode(data: bytes, *, size: int = 32) -> Pixels:
    return Preprocess(size=size).decode(data)


def colour(pixels: Pixels, *, at: tuple[int, int] = (16, 16)) -> tuple[int, ...]:
    return tuple(int(value) for value in pixels[:, at[0], at[1]])


def close(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, wanted, strict=True))


def flat(shade: str | tuple[int, ...], size: tuple[int, int] = (128, 96), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, shade)


def quarters() -> Image.Image:
    """Red and green over blue and white: no two turns of it look alike."""
    image = flat(WHITE, (128, 128))
    for shade, corner in ((RED, (0, 0)), (GREEN, (64, 0)), (BLUE, (0, 64))):
        image.paste(shade, (*corner, corner[0] + 64, corner[1] + 64))
    return image


def deep(mode: str, value: int, *, channels: int) -> bytes:
    """A file of 10 bits a channel, from a value of 16."""
    target = BytesIO()
    pixels = np.full((96, 128, channels), value, dtype="<u2")
    pillow_heif.encode(mode, (128, 96), pixels.tobytes(), target)
    return target.getvalue()


def test_a_heic_photograph_decodes_to_contiguous_uint8_planes() -> None:
    pixels = decode(heic(flat(RED)))
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert close(colour(pixels), RED)


@pytest.mark.parametrize("says_so_twice", [True, False])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_is_undone_once_though_exif_repeats_it(orientation: int, says_so_twice: bool) -> None:  # noqa: FBT001 - a case
    undo = UNDO[orientation - 1]
    stored = quarters() if undo is None else quarters().transpose(Image.Transpose(undo))
    items = [coded(stored, *TURNS[orientation - 1]), exif(orientation if says_so_twice else 1)]
    data = file_of(items, [Reference(b"cdsc", 2, [1])])
    block = Image.Exif()
    block.load(pillow_heif.open_heif(data).info["exif"])
    assert block[0x0112] == (orientation if says_so_twice else 1)
    pixels = decode(data)
    found = [colour(pixels, at=at) for at in ((8, 8), (8, 24), (24, 8), (24, 24))]
    assert all(close(*pair) for pair in zip(found, (RED, GREEN, BLUE, WHITE), strict=True)), found


def test_a_turned_oblong_is_cropped_at_its_centre() -> None:
    stored = flat(BLUE, (300, 100))
    stored.paste(RED, (100, 0, 200, 100))
    pixels = Preprocess(size=32, fit=Fit.CROP).decode(file_of([coded(stored, irot(1))]))
    assert close(colour(pixels, at=(4, 16)), RED)
    assert close(colour(pixels, at=(28, 16)), RED)


@pytest.mark.parametrize(
    ("mode", "fill", "wanted"),
    [("RGBA", (0, 0, 0, 0), WHITE), ("RGBA", (0, 0, 0, 127), GREY), ("L", 128, GREY)],
)
def test_what_is_transparent_is_white_and_grey_is_grey(
    mode: str, fill: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    assert close(colour(decode(heic(flat(fill, mode=mode)))), wanted)


@pytest.mark.parametrize(
    ("mode", "channels", "wanted"),
    [("RGB;16", 3, GREY), ("L;16", 1, GREY), ("RGBA;16", 4, (191, 191, 191)), ("LA;16", 2, (191, 191, 191))],
)
def test_ten_bits_are_scaled_to_eight(mode: str, channels: int, wanted: tuple[int, ...]) -> None:
    assert close(colour(decode(deep(mode, 128 * 257, channels=channels))), wanted)


def test_premultiplied_alpha_is_on_white_too() -> None:
    target = BytesIO()
    pillow_heif.encode("RGBa", (128, 96), bytes([64, 64, 64, 128]) * (128 * 96), target)
    assert close(colour(decode(target.getvalue())), (191, 191, 191))


def test_of_several_images_the_primary_one_counts() -> None:
    items = [coded(flat(shade)) for shade in (RED, GREEN, BLUE)]
    for primary, wanted in ((1, RED), (2, GREEN), (3, BLUE)):
        assert close(colour(decode(file_of(items, primary=primary))), wanted)


def test_an_embedded_thumbnail_never_stands_for_the_photograph() -> None:
    items = [coded(flat(RED, (512, 384))), coded(flat(BLUE, (256, 192)))]
    data = file_of(items, [Reference(b"thmb", 2, [1])])
    assert pillow_heif.open_heif(data).info["thumbnails"] == [256]
    assert close(colour(decode(data)), RED)


def test_tiles_are_put_together() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((1200, 900), Image.Resampling.BICUBIC)
    data = heic(image, tile_size=512, quality=90, enc_params={"preset": "ultrafast"})
    assert data.count(b"hvc1") >= 6
    target = BytesIO()
    image.save(target, "PNG")
    assert (
        np.abs(decode(data, size=64).astype(int) - decode(target.getvalue(), size=64).astype(int)).mean() < 2
    )


def test_tiles_are_turned_as_one() -> None:
    stored = quarters().transpose(Image.Transpose.ROTATE_90)
    parts = [stored.crop((x, y, x + 64, y + 64)) for y in (0, 64) for x in (0, 64)]
    items = [tiles(2, 2, (128, 128), irot(3)), *map(coded, parts)]
    pixels = decode(file_of(items, [Reference(b"dimg", 1, [2, 3, 4, 5])]))
    assert close(colour(pixels, at=(8, 8)), RED)
    assert close(colour(pixels, at=(24, 8)), BLUE)


def test_the_shared_brand_mif1_is_heif_or_avif_as_the_file_is() -> None:
    target = BytesIO()
    flat(RED).save(target, "AVIF")
    for data in (heic(flat(RED)), target.getvalue()):
        assert close(colour(decode(data[:8] + b"mif1" + data[12:])), RED)


def test_avif_and_heif_have_plugins_of_ours() -> None:
    assert Image.OPEN["AVIF"][0] is AvifPhotograph
    assert Image.OPEN["HEIF"][0] is HeifImageFile


def test_what_a_camera_adds_behind_the_last_box_does_not_cost_the_picture() -> None:
    for trailer in (bytes(40), b"SEFT" * 10, b"\xff" * 40, b"\0"):
        assert close(colour(decode(heic(flat(RED)) + trailer)), RED)


def test_many_threads_decode_heic_at_once_as_one_does() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (5, 24, 32, 3), dtype=np.uint8)
    images = [Image.fromarray(each).resize((320, 240), Image.Resampling.BICUBIC) for each in noise]
    data = [
        heic(each, tile_size=128 * (number % 2), enc_params={"preset": "ultrafast"})
        for number, each in enumerate(images)
    ]
    alone = [decode(each) for each in data]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(decode, data * 12))
    assert all((pixels == alone[number % len(data)]).all() for number, pixels in enumerate(found))


def test_pillow_heif_is_the_version_whose_private_function_is_called() -> None:
    assert version("pillow-heif") == "1.8.1"
    assert tuple(map(int, pillow_heif.libheif_version().split("."))) >= (1, 23), (
        "older ones trust a stated size"
    )
