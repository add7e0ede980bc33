"""A thumbnail is the whole photograph, upright and small, and nothing of the file but its pixels."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from model import small_jpeg
from model.preprocess import Preprocess
from schemas.errors import ForeignFormat, TooManyPixels, Undecodable
from schemas.thumbnail_sizes import ThumbnailSize

MARK = b"secret-of-the-uploader"
HERE = Preprocess()


def photograph(width: int, height: int, kind: str = "JPEG", **more: Any) -> bytes:
    target = BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(target, kind, **more)
    return target.getvalue()


def shown(data: bytes, side: int = 256) -> Image.Image:
    made = Image.open(BytesIO(HERE.thumbnail(data, side)))
    made.load()
    return made


@pytest.mark.parametrize("side", [128, 256, 1024])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_its_longer_side_is_as_asked_for_whatever_the_format(kind: str, side: int) -> None:
    made = shown(photograph(1600, 1200, kind), side)
    assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (side, side * 3 // 4))


def test_a_photograph_that_is_smaller_is_not_enlarged() -> None:
    assert shown(photograph(90, 40), 256).size == (90, 40)


@pytest.mark.parametrize(("size", "expected"), [((65_000, 2), (256, 1)), ((2, 3_000), (1, 256))])
def test_a_strip_has_a_pixel_at_least(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shown(photograph(*size, "PNG")).size == expected


def test_it_is_turned_as_exif_says() -> None:
    sides = Image.new("RGB", (400, 200), "red")
    sides.paste("blue", (200, 0, 400, 200))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by a quarter, clockwise
    target = BytesIO()
    sides.save(target, "JPEG", exif=exif)
    made = shown(target.getvalue(), 128)
    assert made.size == (64, 128)
    top, bottom = (np.asarray(made)[row, 32] for row in (10, 118))
    assert top[0] > 200
    assert top[2] < 60
    assert bottom[2] > 200
    assert bottom[0] < 60


def marked(kind: str) -> bytes:
    """A photograph with everything that a file can say beside its pixels."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = MARK.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSProcessingMethod] = MARK
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more: dict[str, Any] = {"exif": exif, "icc_profile": profile + MARK}
    match kind:
        case "JPEG":
            more |= {"comment": MARK, "xmp": b"<x:xmpmeta>" + MARK}
        case "WEBP":
            more |= {"xmp": b"<x:xmpmeta>" + MARK}
        case "PNG":
            text = PngImagePlugin.PngInfo()
            text.add_text("Comment", MARK.decode())
            more |= {"pnginfo": text}
    return photograph(600, 400, kind, **more) + MARK


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_the_file_is_in_it_but_pixels(kind: str) -> None:
    data = marked(kind)
    assert data.count(MARK) > 2
    made = HERE.thumbnail(data, 256)
    assert MARK not in made
    image = Image.open(BytesIO(made))
    assert not {"exif", "icc_profile", "xmp", "comment", "photoshop"} & image.info.keys()
    assert [name for name, _ in image.applist] in ([], ["APP0"])  # type: ignore[attr-defined]  # JFIF's


def test_what_is_transparent_is_white() -> None:
    target = BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(target, "PNG")
    assert np.asarray(shown(target.getvalue(), 128)).min() > 250


@pytest.mark.parametrize("side", list(ThumbnailSize))
def test_the_noisiest_one_has_fewer_bytes_than_a_decoder_may_answer(side: ThumbnailSize) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (side, side, 3), dtype=np.uint8)
    target = BytesIO()
    Image.fromarray(noise).save(target, "PNG")
    assert len(HERE.thumbnail(target.getvalue(), side)) < small_jpeg.most_bytes(side) / 2


def test_what_cannot_be_decoded_is_refused_as_it_is_for_the_model() -> None:
    bomb = BytesIO()
    Image.new("1", (9_500, 9_500)).save(bomb, "PNG")
    cases = [
        (b"", Undecodable),
        (b"%PDF-1.7 and so on", ForeignFormat),
        (b"<svg onload=alert(1)>", ForeignFormat),
        (photograph(800, 600)[:5_000], Undecodable),
        (bomb.getvalue(), TooManyPixels),
    ]
    for data, kind in cases:
        with pytest.raises(kind) as here:
            HERE.thumbnail(data, 256)
        with pytest.raises(kind) as there:
            HERE.decode(data)
        assert str(here.value) == str(there.value)
