"""Near duplicates: what is one photograph, and that the index finds all that comparing every pair finds."""

from __future__ import annotations

import random
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from model.data import crop_search, near_duplicates
from model.data.inspecting import PREPROCESS
from model.data.near_duplicates import Fingerprint, Nearness
from tests.unit.data_builders import drawn, encoded

ORIGINAL = drawn("original", (400, 300))


def of(image: Image.Image) -> Fingerprint:
    return near_duplicates.fingerprint(PREPROCESS.decode(encoded(image)))


def reopened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ORIGINAL.resize((133, 100)), id="smaller"),
        pytest.param(reopened(encoded(ORIGINAL, quality=30)), id="compressed again"),
        pytest.param(ORIGINAL.crop((8, 6, 392, 294)), id="cropped a little"),
        pytest.param(ImageEnhance.Brightness(ORIGINAL).enhance(1.15), id="brighter"),
        pytest.param(ORIGINAL.convert("L"), id="grey"),
    ],
)
def test_a_changed_copy_is_a_near_duplicate(changed: Image.Image) -> None:
    assert near_duplicates.groups([of(ORIGINAL), of(changed)], Nearness()) == [[0, 1]]


def test_other_photographs_are_none() -> None:
    prints = [of(drawn(seed)) for seed in range(12)]
    assert near_duplicates.groups(prints, Nearness()) == []


def test_both_fingerprints_must_be_near() -> None:
    assert near_duplicates.groups([Fingerprint(0, 0), Fingerprint(0b111, 2**20 - 1)], Nearness(8, 12)) == []
    assert near_duplicates.groups([Fingerprint(0, 0), Fingerprint(2**20 - 1, 0b111)], Nearness(8, 12)) == []


def test_what_is_near_by_way_of_another_is_in_one_group() -> None:
    chain = [Fingerprint(0b11111111 << shift, 0) for shift in (0, 4, 8)]
    assert near_duplicates.groups(chain, Nearness(8, 0)) == [[0, 1, 2]]
    assert near_duplicates.groups([chain[0], chain[2]], Nearness(8, 0)) == []


def test_identical_ones_are_one_group_however_many() -> None:
    assert near_duplicates.groups([Fingerprint(5, 5)] * 3000, Nearness(0, 0)) == [list(range(3000))]


def flipped(value: int, bits: int, rng: random.Random) -> int:
    for place in rng.sample(range(64), bits):
        value ^= 1 << place
    return value


@pytest.mark.parametrize("bits", [0, 1, 5, 8, 11])
def test_the_index_misses_no_pair_that_comparing_all_finds(bits: int) -> None:
    rng = random.Random(bits)
    prints: list[Fingerprint] = []
    for _ in range(60):
        seed = rng.getrandbits(64)
        prints += [Fingerprint(flipped(seed, rng.randint(0, 12), rng), 0) for _ in range(3)]
    near = [
        (one, other)
        for one, other in combinations(range(len(prints)), 2)
        if (prints[one].phash ^ prints[other].phash).bit_count() <= bits
    ]
    forest = near_duplicates.Forest(len(prints))
    for one, other in near:
        forest.join(one, other)
    found = near_duplicates.groups(prints, Nearness(bits, 64))
    assert {place for group in found for place in group} == {place for pair in near for place in pair}
    assert all(len({forest.root(place) for place in group}) == 1 for group in found)


def pictured(seed: object) -> Image.Image:
    """Blots in blots: as much to see in a part of it as in the whole."""
    coarse, fine = drawn(seed, (400, 300)), drawn((seed, "fine"), (60, 60))
    return Image.blend(coarse, tiled(fine, (400, 300)), 0.4)


def tiled(tile: Image.Image, size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("RGB", size)
    for number, corner in enumerate((x, y) for x in range(0, size[0], 60) for y in range(0, size[1], 60)):
        sheet.paste(tile.rotate(90 * (number % 4)), corner)
    return sheet


OTHERS = [of(pictured(seed)) for seed in range(6)]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(ImageOps.mirror(pictured("x")), id="mirrored"),
        pytest.param(pictured("x").crop((0, 0, 320, 240)), id="its upper left, 80 % of each side"),
        pytest.param(pictured("x").crop((95, 50, 395, 275)), id="a part of it, 75 % of each side"),
        pytest.param(pictured("x").crop((50, 0, 350, 300)), id="its middle, square"),
        pytest.param(ImageOps.mirror(pictured("x").crop((20, 60, 340, 300))), id="a part of it, mirrored"),
        pytest.param(
            reopened(encoded(pictured("x").crop((40, 30, 360, 270)).resize((120, 90)), quality=40)),
            id="a part of it, smaller and compressed again",
        ),
    ],
)
def test_a_part_or_a_mirror_image_is_a_near_duplicate_of_its_picture_alone(changed: Image.Image) -> None:
    for pair in ([of(pictured("x")), of(changed)], [of(changed), of(pictured("x"))]):
        assert near_duplicates.groups([*OTHERS, *pair], Nearness()) == [[6, 7]]


def test_half_of_a_picture_is_another_one() -> None:
    half = pictured("x").crop((0, 0, 200, 300))
    assert near_duplicates.groups([of(pictured("x")), of(half)], Nearness()) == []


def test_a_flat_picture_is_a_part_of_none() -> None:
    flat = Image.new("RGB", (400, 300), (200, 200, 200))
    marked = flat.copy()
    marked.paste((190, 190, 190), (390, 290, 400, 300))
    greys = np.frombuffer(of(marked).grey + of(flat).grey, np.uint8).reshape(2, 48, 48)
    assert list(crop_search.pairs(greys)) == []
