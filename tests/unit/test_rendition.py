"""A rendition is the photograph made small: upright, of an exact side, without metadata."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model.preprocess import Preprocess
from schemas.errors import Undecodable
from schemas.rendition_recipe import REVISION, RenditionRecipe

RECIPE = RenditionRecipe(side=320, quality=90)
SERVING = Preprocess()


def photograph(width: int, height: int, *, orientation: int = 1) -> bytes:
    """A JPEG of a camera's kind: turned by its EXIF, with a place in it."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera's maker"
    file = BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def rendition(data: bytes, preprocess: Preprocess = SERVING) -> bytes | None:
    return preprocess.decode_and_reduce(data, RECIPE).rendition


def size_of(data: bytes | None) -> tuple[int, int]:
    assert data is not None
    with Image.open(BytesIO(data)) as image:
        return image.size


def test_its_shorter_side_is_exactly_as_asked_for_and_its_shape_stays() -> None:
    assert size_of(rendition(photograph(1600, 1200))) == (427, 320)
    assert size_of(rendition(photograph(1201, 1600))) == (320, 426)


def test_it_is_upright_and_holds_no_metadata() -> None:
    made = rendition(photograph(1600, 1200, orientation=6))
    assert size_of(made) == (320, 427)
    assert made is not None
    assert b"Exif" not in made
    assert b"maker" not in made
    upright, turned = (SERVING.decode(each) for each in (made, photograph(1600, 1200, orientation=6)))
    assert np.abs(upright.astype(int) - turned.astype(int)).max() <= 8


def test_the_pixels_are_the_same_with_it_and_without() -> None:
    data = photograph(1600, 1200)
    np.testing.assert_array_equal(SERVING.decode_and_reduce(data, RECIPE).pixels, SERVING.decode(data))


def test_a_version_sees_about_the_same_in_it_as_in_the_photograph() -> None:
    data = photograph(2000, 1500)
    made = rendition(data)
    assert made is not None
    assert np.abs(SERVING.decode(made).astype(int) - SERVING.decode(data).astype(int)).max() <= 8


def test_what_is_smaller_has_none_and_is_never_enlarged() -> None:
    assert rendition(photograph(400, 319)) is None
    assert size_of(rendition(photograph(400, 320))) == (400, 320)


def test_what_was_decoded_to_fewer_pixels_has_none() -> None:
    """The draft is the version's: renditions never change what it sees."""
    assert rendition(photograph(1600, 1200), Preprocess(size=32)) is None


def test_a_strip_has_none() -> None:
    assert rendition(photograph(2048, 500)) is None


def test_what_is_refused_is_refused_alike() -> None:
    with pytest.raises(Undecodable) as with_it:
        SERVING.decode_and_reduce(b"\xff\xd8\xff\xe0 cut short", RECIPE)
    with pytest.raises(Undecodable) as without:
        SERVING.decode(b"\xff\xd8\xff\xe0 cut short")
    assert str(with_it.value) == str(without.value)


def test_no_photograph_is_refused_for_its_rendition() -> None:
    impossible = RenditionRecipe(side=320, quality=1_000)
    decoded = SERVING.decode_and_reduce(photograph(1600, 1200), impossible)
    assert decoded.rendition is None
    assert decoded.pixels.shape == (3, 224, 224)


def test_a_recipe_is_known_by_its_name() -> None:
    assert RenditionRecipe.named(RECIPE.name) == RECIPE


@pytest.mark.parametrize(
    "name", ["", "jpeg-320-q90", f"webp-320-q90-r{REVISION}", f"jpeg-320-q90-r{REVISION + 1}"]
)
def test_a_recipe_of_another_kind_or_revision_is_none(name: str) -> None:
    assert RenditionRecipe.named(name) is None


def test_it_suits_a_version_that_asks_for_no_more() -> None:
    assert [side for side in (224, 320, 321) if RECIPE.suits(side)] == [224, 320]
