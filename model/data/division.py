"""Dataset splitting: which photographs are for learning, for choosing and for judging. Pure.

Near duplicates are always on one side, for a copy of what was learned from judges nothing. Photographs of one
source are alike too, so a source that the data names goes to one side as a whole. Within these bounds every
label gets its share on every side.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from model.data.near_duplicates import Forest
from model.data.photograph import Photograph, Split, nearest_training
from schemas.errors import ConfigurationError

SIDES: Final = (Split.TRAIN, Split.VAL, Split.TEST)
VAL_SHARE: Final = 0.2
"""Of each label, where a dataset that is no snapshot does not say which photographs are for choosing."""


@dataclass(frozen=True, slots=True)
class SplitShares:
    """Of each label on each side; they add up to 1. Raises `ConfigurationError` for what cannot be."""

    train: float = 0.7
    val: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        every = (self.train, self.val, self.test)
        if min(every) < 0 or not self.train or abs(sum(every) - 1) > 1e-6:  # noqa: PLR2004 - rounding
            raise ConfigurationError(
                f"shares of {self.train:g}, {self.val:g} and {self.test:g}: none is below 0, "
                "train is above it, and they add up to 1"
            )

    def of(self, side: Split) -> float:
        """One side's."""
        return {Split.TRAIN: self.train, Split.VAL: self.val, Split.TEST: self.test}[side]


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to divide what is not divided yet."""

    shares: SplitShares = SplitShares()
    seed: int = 0
    by_source: bool = True


@dataclass(frozen=True, slots=True)
class Divided:
    """A split for each photograph, in order, and the places of those whose own one was not kept."""

    splits: tuple[Split, ...]
    moved: tuple[int, ...] = ()


def divide(
    photographs: Sequence[Photograph], *, groups: Sequence[Sequence[int]], how: SplitOptions
) -> Divided:
    """The split of each photograph; `groups` are the places of near duplicates.

    A split that the data brings is kept, and what is near it, or of its source, joins it. A group whose
    members stand on several sides goes to train as a whole.
    """
    units = _near(len(photographs), groups)
    given = _given(photographs, units)
    free = [unit for unit in units if unit not in given]
    sets = _sets(free, units, photographs, how)
    brought = ((photographs[place].source, side) for unit, side in given.items() for place in units[unit])
    known = sides_of_sources(brought) if how.by_source else {}
    sides = dict(given)
    open_sets: list[_Set] = []
    for one in sets:
        side = nearest_training({known[source] for source in one.sources if source in known})
        if side:
            sides |= dict.fromkeys(one.units, side)
        else:
            open_sets.append(one)
    already = _counted(photographs, units, sides)
    for number, side in _stratified(open_sets, already, how).items():
        sides |= dict.fromkeys(open_sets[number].units, side)
    splits = [Split.UNSET] * len(photographs)
    for unit, members in units.items():
        for place in members:
            splits[place] = sides[unit]
    moved = [place for place, photo in enumerate(photographs) if photo.split not in {"", splits[place]}]
    return Divided(tuple(splits), tuple(moved))


def by_name(photographs: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """The photographs with a split each: their own, else a fifth of every label to val, by name's digest."""
    groups: dict[str, list[Photograph]] = defaultdict(list)
    for photo in photographs:
        if photo.split is Split.UNSET:
            groups[photo.main].append(photo)
    val = {photo.path for group in groups.values() for photo in _fifth(group)}
    return tuple(
        replace(photo, split=Split.VAL if photo.path in val else Split.TRAIN)
        if photo.split is Split.UNSET
        else photo
        for photo in photographs
    )


def _fifth(group: list[Photograph]) -> list[Photograph]:
    ordered = sorted(group, key=lambda photo: sha256(photo.path.name.encode()).digest())
    return ordered[: max(1, round(len(group) * VAL_SHARE))]


def sides_of_sources(brought: Iterable[tuple[str, Split]]) -> dict[str, Split]:
    """For each source the side of its photographs; of several the one nearest to training."""
    found: dict[str, set[Split]] = defaultdict(set)
    for source, side in brought:
        found[source].add(side)
    return {source: nearest_training(sides) for source, sides in found.items() if source}


def sides_of_labels(labels: Iterable[str], photographs: Iterable[Photograph]) -> dict[str, Counter[Split]]:
    """How many photographs of each label stand on each side."""
    on = {label: Counter[Split]() for label in labels}
    for photo in photographs:
        for label in photo.labels:
            on[label][photo.split] += 1
    return on


@dataclass(frozen=True, slots=True)
class _Set:
    """What must go to one side together."""

    units: tuple[int, ...]
    counts: Mapping[str, int]
    """Photographs by label; negatives under the empty one."""
    sources: frozenset[str]
    key: str
    """For the order among equals, which the seed shuffles."""

    @property
    def size(self) -> int:
        """Labels of all its photographs."""
        return sum(self.counts.values())


def _near(count: int, groups: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """The photographs in units that no split cuts, by their first member."""
    forest = Forest(count)
    for first, *rest in groups:
        for other in rest:
            forest.join(first, other)
    units: dict[int, list[int]] = {}
    for place in range(count):
        units.setdefault(forest.root(place), []).append(place)
    return units


def _given(photographs: Sequence[Photograph], units: Mapping[int, Sequence[int]]) -> dict[int, Split]:
    """The side of each unit that brings one; of several, train."""
    given: dict[int, Split] = {}
    for unit, members in units.items():
        splits = {photographs[place].split for place in members} - {Split.UNSET}
        if splits:
            given[unit] = splits.pop() if len(splits) == 1 else Split.TRAIN
    return given


def _sets(
    free: Sequence[int],
    units: Mapping[int, Sequence[int]],
    photographs: Sequence[Photograph],
    how: SplitOptions,
) -> list[_Set]:
    """The units that are free, those that share a source together."""
    forest = Forest(len(free))
    first_of: dict[str, int] = {}
    for number, unit in enumerate(free):
        for source in {photographs[place].source for place in units[unit]} - {""} if how.by_source else ():
            forest.join(number, first_of.setdefault(source, number))
    together: dict[int, list[int]] = {}
    for number, unit in enumerate(free):
        together.setdefault(forest.root(number), []).append(unit)
    return [_set(joined, units, photographs, how) for joined in together.values()]


def _set(
    joined: Sequence[int],
    units: Mapping[int, Sequence[int]],
    photographs: Sequence[Photograph],
    how: SplitOptions,
) -> _Set:
    members = [photographs[place] for unit in joined for place in units[unit]]
    counts = Counter(label for photo in members for label in photo.labels or ("",))
    name = f"{how.seed}|{'|'.join(sorted(str(photo.path.name) for photo in members))}"
    sources = frozenset(photo.source for photo in members) - {""}
    return _Set(tuple(joined), counts, sources, sha256(name.encode(errors="replace")).hexdigest())


def _counted(
    photographs: Sequence[Photograph], units: Mapping[int, Sequence[int]], sides: Mapping[int, Split]
) -> dict[Split, Counter[str]]:
    """Photographs by label on each side so far."""
    counts = {side: Counter[str]() for side in SIDES}
    for unit, side in sides.items():
        counts[side].update(label for place in units[unit] for label in photographs[place].labels or ("",))
    return counts


def _stratified(
    sets: Sequence[_Set], already: Mapping[Split, Counter[str]], how: SplitOptions
) -> dict[int, Split]:
    """A side for each set: the largest first, each to the side that lacks the most of it."""
    totals = sum((Counter(one.counts) for one in sets), sum(already.values(), Counter[str]()))
    sides = [side for side in SIDES if how.shares.of(side)]
    lacking = {
        side: {label: how.shares.of(side) * total - already[side][label] for label, total in totals.items()}
        for side in sides
    }
    chosen: dict[int, Split] = {}
    for number in sorted(range(len(sets)), key=lambda number: (-sets[number].size, sets[number].key)):
        counts = sets[number].counts
        side = min(sides, key=lambda side: _cost(counts, lacking[side], totals))
        chosen[number] = side
        for label, count in counts.items():
            lacking[side][label] -= count
    for side in sides:
        _fill(side, sets, already, chosen)
    return chosen


def _cost(counts: Mapping[str, int], lacking: Mapping[str, float], totals: Mapping[str, int]) -> float:
    """How much further from its shares a side comes by taking these: the change of the squared distance."""
    return sum(
        (count * count - 2 * count * lacking[label]) / totals[label] ** 2 for label, count in counts.items()
    )


def _fill(
    side: Split, sets: Sequence[_Set], already: Mapping[Split, Counter[str]], chosen: dict[int, Split]
) -> None:
    """Give `side` the smallest possible set of each label that it lacks and that others can spare."""
    on = {each: Counter(already[each].keys()) for each in SIDES}
    for number, chose in chosen.items():
        on[chose].update(sets[number].counts.keys())
    for label in sorted({label for one in sets for label in one.counts} - {""}):
        if on[side][label]:
            continue
        spare = [number for number, one in enumerate(sets) if label in one.counts]
        spare = [number for number in spare if _can_spare(on[chosen[number]], sets[number])]
        if spare:
            number = min(spare, key=lambda number: (sets[number].size, sets[number].key))
            on[chosen[number]].subtract(sets[number].counts.keys())
            on[side].update(sets[number].counts.keys())
            chosen[number] = side


def _can_spare(on: Mapping[str, int], one: _Set) -> bool:
    """Whether a side keeps a set of every label when it gives this one away."""
    return all(on[label] > 1 for label in one.counts if label)
