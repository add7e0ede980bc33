"""Every kind of file that is accepted comes out as the same thing: upright RGB bytes, (3, S, S)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.preprocess import Fit, Pixels, Preprocess

RED, WHITE, GREY = (255, 0, 0), (255, 255, 255), (128, 128, 128)
TOLERANCE = 6
"""JPEG and chroma subsampling move a flat colour by a few steps."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def decode(data: bytes, *, size: int = 32, fit: Fit = Fit.SQUASH) -> Pixels:
    return Preprocess(size=size, fit=fit).decode(data)


def colour(pixels: Pixels, *, at: tuple[int, int] = (16, 16)) -> tuple[int, ...]:
    return tuple(int(value) for value in pixels[:, at[0], at[1]])


def close(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, wanted, strict=True))


def red_over_blue(width: int = 64, height: int = 64) -> Image.Image:
    image = Image.new("RGB", (width, height), "blue")
    image.paste((255, 0, 0), (0, 0, width, height // 2))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
def test_every_accepted_format_decodes_to_contiguous_uint8_planes(kind: str) -> None:
    pixels = decode(encoded(Image.new("RGB", (50, 40), RED), kind))
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert close(colour(pixels), RED)


@pytest.mark.parametrize(
    ("mode", "fill", "wanted"),
    [
        ("1", 1, WHITE),
        ("L", 128, GREY),
        ("LA", (128, 255), GREY),
        ("P", 0, (0, 0, 0)),
        ("RGBA", (255, 0, 0, 255), RED),
        ("I;16", 128 * 257, GREY),
    ],
)
def test_every_png_mode_becomes_rgb(mode: str, fill: Any, wanted: tuple[int, ...]) -> None:
    assert close(colour(decode(encoded(Image.new(mode, (40, 40), fill), "PNG"))), wanted)


def test_sixteen_bit_grey_is_scaled_and_not_clipped_to_white() -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1)))
    pixels = decode(encoded(ramp, "PNG"))
    assert colour(pixels, at=(16, 2)) < GREY < colour(pixels, at=(16, 30))
    assert close(colour(pixels), GREY)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_jpegs_of_other_colour_spaces_become_rgb(mode: str) -> None:
    pixels = decode(encoded(Image.new("RGB", (40, 40), GREY).convert(mode), "JPEG"))
    assert close(colour(pixels), GREY)


def test_what_is_transparent_is_white() -> None:
    assert colour(decode(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG"))) == WHITE


def test_half_transparent_is_mixed_with_white() -> None:
    assert close(colour(decode(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 127)), "PNG"))), GREY)


def test_a_palette_with_a_transparent_entry_is_white_there() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([10, 20, 30, 200, 100, 0])
    assert colour(decode(encoded(image, "PNG", transparency=0))) == WHITE


def test_a_palette_without_transparency_keeps_its_colours() -> None:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([10, 20, 30, 200, 100, 0])
    assert close(colour(decode(encoded(image, "PNG"))), (200, 100, 0))


def test_a_progressive_jpeg_decodes() -> None:
    assert close(colour(decode(encoded(Image.new("RGB", (80, 80), RED), "JPEG", progressive=True))), RED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), shade) for shade in ("red", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert close(colour(decode(data)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(orientation: int) -> None:
    undo = [[], [0], [3], [1], [5], [2], [6], [4]][orientation - 1]
    stored = red_over_blue()
    for turn in undo:  # the transposition that a camera of this orientation stored the picture by
        stored = stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(stored, "JPEG", exif=exif, quality=95))
    assert colour(pixels, at=(4, 16))[0] > 200
    assert colour(pixels, at=(28, 16))[2] > 200


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    data = encoded(Image.new("RGB", (40, 40), RED), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert close(colour(decode(data)), RED)


def test_squash_shows_the_whole_image_and_crop_its_centre() -> None:
    image = Image.new("RGB", (300, 100), "blue")
    image.paste(RED, (100, 0, 200, 100))
    data = encoded(image, "PNG")
    assert colour(decode(data, fit=Fit.SQUASH), at=(16, 2)) == (0, 0, 255)
    assert close(colour(decode(data, fit=Fit.CROP), at=(16, 2)), RED)


def test_an_original_and_its_small_rendition_come_out_alike() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    original = Image.fromarray(noise).resize((4000, 3000), Image.Resampling.BICUBIC)
    small = original.resize((427, 320), Image.Resampling.LANCZOS)
    one, other = (decode(encoded(image, "JPEG", quality=90), size=64) for image in (original, small))
    assert np.abs(one.astype(int) - other.astype(int)).mean() < 3


def test_one_pixel_is_an_image() -> None:
    assert colour(decode(encoded(Image.new("RGB", (1, 1), RED), "PNG"))) == RED


def test_a_very_long_image_is_an_image() -> None:
    assert colour(decode(encoded(Image.new("RGB", (20_000, 2), RED), "PNG"))) == RED
