"""Which side each photograph goes to: near duplicates and sources together, labels everywhere."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from model.data.division import Divided, SplitOptions, SplitShares, divide
from model.data.photograph import Photograph, Split
from schemas.errors import ConfigurationError
from tests.unit.data_builders import photo

TRAIN, VAL, TEST = Split.TRAIN, Split.VAL, Split.TEST


def many(label: str, count: int, *, source: str = "") -> list[Photograph]:
    return [photo(f"{label}-{source}-{number}", label, source=source) for number in range(count)]


def divided(photos: list[Photograph], *groups: list[int], how: SplitOptions | None = None) -> Divided:
    return divide(photos, groups=groups, how=how or SplitOptions())


def by_label(photos: list[Photograph], splits: tuple[Split, ...], label: str) -> list[int]:
    counts = Counter(split for each, split in zip(photos, splits, strict=True) if label in each.labels)
    return [counts[side] for side in (TRAIN, VAL, TEST)]


def test_every_label_has_its_shares() -> None:
    photos = many("food", 100) + many("menu", 20)
    splits = divided(photos).splits
    assert by_label(photos, splits, "food") == [70, 15, 15]
    assert by_label(photos, splits, "menu") == [14, 3, 3]


def test_negatives_have_their_shares_too() -> None:
    photos = [photo(f"{number}") for number in range(20)]
    assert Counter(divided(photos).splits) == {TRAIN: 14, VAL: 3, TEST: 3}


def test_a_share_of_nothing_gets_nothing() -> None:
    photos = many("food", 10) + many("menu", 10)
    assert Counter(divided(photos, how=SplitOptions(SplitShares(0.8, 0.2, 0.0))).splits) == {
        TRAIN: 16,
        VAL: 4,
    }


@pytest.mark.parametrize(("count", "sides"), [(2, [1, 1, 0]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_a_rare_label_is_for_learning_first_then_for_choosing_then_for_judging(
    count: int, sides: list[int]
) -> None:
    photos = many("food", 100) + many("menu", count)
    assert by_label(photos, divided(photos).splits, "menu") == sides


def test_near_duplicates_are_on_one_side() -> None:
    photos = many("food", 40)
    groups = [list(range(start, start + 4)) for start in range(0, 40, 4)]
    splits = divided(photos, *groups).splits
    assert all(len({splits[place] for place in group}) == 1 for group in groups)
    assert set(splits) == {TRAIN, VAL, TEST}


def test_a_source_goes_to_one_side_as_a_whole() -> None:
    photos = [each for number in range(20) for each in many("food", 5, source=f"s{number}")]
    splits = divided(photos).splits
    sides = {each.source: set[Split]() for each in photos}
    for each, split in zip(photos, splits, strict=True):
        sides[each.source].add(split)
    assert all(len(found) == 1 for found in sides.values())
    assert by_label(photos, splits, "food") == [70, 15, 15]


def test_sources_may_be_ignored() -> None:
    photos = many("food", 20, source="only")
    assert set(divided(photos).splits) == {TRAIN}
    assert set(divided(photos, how=SplitOptions(by_source=False)).splits) == {TRAIN, VAL, TEST}


def test_splits_that_the_data_brings_are_kept() -> None:
    photos = [photo("a", "food", split="test"), photo("b", "food", split="train"), *many("food", 8)]
    made = divided(photos)
    assert made.splits[:2] == (TEST, TRAIN)
    assert made.moved == ()


def test_what_is_not_divided_joins_its_near_duplicates_and_its_source() -> None:
    photos = [
        photo("a", "food", split="test"),
        photo("b", "food"),
        photo("c", "food", split="val", source="x"),
        photo("d", "food", source="x"),
    ]
    assert divided(photos, [0, 1]).splits == (TEST, TEST, VAL, VAL)


def test_near_duplicates_that_the_data_puts_on_two_sides_go_to_train_and_are_told() -> None:
    photos = [photo("a", "food", split="test"), photo("b", "food", split="val"), photo("c", "food")]
    made = divided(photos, [0, 1, 2])
    assert made.splits == (TRAIN, TRAIN, TRAIN)
    assert made.moved == (0, 1)


def test_the_seed_decides_among_equals_and_gives_the_same_again() -> None:
    photos = many("food", 50)
    first = divided(photos).splits
    assert first == divided(photos).splits
    assert first != divided(photos, how=SplitOptions(seed=1)).splits
    assert Counter(first) == Counter(divided(photos, how=SplitOptions(seed=1)).splits)


def test_whatever_comes_nothing_near_is_parted_and_everything_has_a_side() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        photos = [
            photo(
                f"{number}",
                *rng.sample(["food", "menu", "human"], rng.randint(0, 2)),
                split=rng.choice(["", "", "", "train", "val", "test"]),
                source=rng.choice(["", "x", "y", "z"]),
            )
            for number in range(rng.randint(1, 40))
        ]
        places = rng.sample(range(len(photos)), len(photos))
        groups = [places[start : start + 3] for start in range(0, len(places) // 2, 3)]
        made = divided(photos, *groups)
        assert Split.UNSET not in made.splits
        assert all(len({made.splits[place] for place in group}) == 1 for group in groups)
        kept = set(range(len(photos))) - set(made.moved)
        assert all(photos[place].split in {"", made.splits[place]} for place in kept)
        assert all(made.splits[place] is TRAIN for place in made.moved)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (0.0, 0.5, 0.5), (1.1, -0.1, 0.0)])
def test_shares_that_cannot_be_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigurationError, match="add up to 1"):
        SplitShares(*shares)
