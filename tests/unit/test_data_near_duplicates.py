"""Near duplicates: what is one photograph, and that the index finds all that comparing every pair finds."""

from __future__ import annotations

import random
from io import BytesIO
from itertools import combinations

import pytest
from PIL import Image, ImageEnhance

from model.data import near_duplicates
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
