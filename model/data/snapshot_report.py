"""Snapshot report: counts, what was left out, and what to be careful of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from model.data import division, selection
from model.data.document import (
    FORMAT,
    THREE_VALUED,
    Counts,
    Document,
    Imbalance,
    ImportSettings,
    LeftOut,
    NearDuplicates,
    RefusedEntries,
    Shard,
)
from model.data.document import digest as digest_of
from model.data.photograph import Photograph, Split
from model.data.plan import Assembled, SnapshotPlan, wished

UNEVEN = 10
"""From this ratio on the imbalance is said aloud."""


def document(assembled: Assembled, wanted: SnapshotPlan, shards: tuple[Shard, ...]) -> Document:
    """`snapshot.json` of a snapshot whose shards are written."""
    placed = assembled.placed
    photos = [each.photograph for each in placed]
    uneven = imbalance(assembled.labels, photos)
    return Document(
        format=THREE_VALUED if any(photo.maybe for photo in photos) else FORMAT,
        name=wanted.name,
        digest=digest_of(assembled.labels, shards),
        labels=assembled.labels,
        pictures=len(placed),
        negatives=sum(photo.is_none for photo in photos),
        splits=by_split(photos),
        sources=by_source(photos),
        imbalance=uneven,
        warnings=tuple(_warnings(assembled, uneven)),
        near_duplicates=_near(assembled, wanted),
        merged=assembled.selected.merged,
        refused=_refused(assembled),
        settings=_settings(wanted),
        shards=shards,
    )


def _refused(assembled: Assembled) -> RefusedEntries:
    refused = assembled.selected.refused
    return RefusedEntries(
        counts=dict(sorted(Counter(each.cause for each in refused).items())),
        every=tuple(LeftOut(place=each.place, cause=each.cause, why=each.why) for each in refused),
    )


def _settings(wanted: SnapshotPlan) -> ImportSettings:
    shares = wanted.how.shares
    return ImportSettings(
        seed=wanted.how.seed,
        shares=(shares.train, shares.val, shares.test),
        by_source=wanted.how.by_source,
        smallest=wanted.smallest,
        resplit=wanted.resplit,
        merge_conflicts=wanted.merge_conflicts,
        leave_out=wanted.leave_out,
    )


def counts(photographs: Iterable[Photograph]) -> Counts:
    """How many of each label, of each in doubt, and on each side."""
    every = tuple(photographs)
    return Counts(
        pictures=len(every),
        negatives=sum(photo.is_none for photo in every),
        labels=dict(sorted(Counter(label for photo in every for label in photo.labels).items())),
        splits=dict(sorted(Counter(photo.split.value for photo in every).items())),
        maybe=dict(sorted(Counter(label for photo in every for label in photo.maybe).items())),
    )


def by_split(photographs: Sequence[Photograph]) -> dict[Split, Counts]:
    """The counts of each side that there is, the undivided last."""
    return {
        split: counts(photo for photo in photographs if photo.split is split)
        for split in Split
        if split or any(photo.split is split for photo in photographs)
    }


def by_source(photographs: Iterable[Photograph]) -> dict[str, Counts]:
    """The counts of each source, by name."""
    found: dict[str, list[Photograph]] = {}
    for photo in photographs:
        found.setdefault(photo.source, []).append(photo)
    return {source: counts(found[source]) for source in sorted(found)}


def imbalance(labels: Sequence[str], photographs: Iterable[Photograph]) -> Imbalance:
    """The label with the most photographs against the one with the fewest, by their main labels."""
    mains = Counter(photo.main for photo in photographs)
    ordered = sorted(labels, key=lambda label: (-mains[label], label))
    most, fewest = ordered[0], ordered[-1]
    return Imbalance(most=most, fewest=fewest, ratio=round(mains[most] / max(1, mains[fewest]), 2))


def _near(assembled: Assembled, wanted: SnapshotPlan) -> NearDuplicates:
    places = [each.seen.found.place for each in assembled.placed]
    given = [wished(each.seen, wanted).split for each in assembled.placed]
    stood = [{given[number] for number in group} - {Split.UNSET} for group in assembled.groups]
    return NearDuplicates(
        measure=str(wanted.nearness),
        groups=tuple(tuple(places[number] for number in group) for group in assembled.groups),
        across=sum(len(each) > 1 for each in stood),
        moved=tuple(places[number] for number in assembled.divided.moved),
    )


def _warnings(assembled: Assembled, uneven: Imbalance) -> Iterator[str]:
    on = division.sides_of_labels(assembled.labels, (each.photograph for each in assembled.placed))
    present = [side for side in division.SIDES if any(each.split is side for each in assembled.placed)]
    expected = {*present, Split.VAL} if Split.TRAIN in present else set(present)
    if Split.TRAIN not in present:
        yield "nothing is for training: this snapshot can judge a version, and no more"
    for label in assembled.labels:
        missing = [side for side in (Split.VAL, Split.TEST) if not on[label][side] and side in expected]
        if missing:
            yield (
                f"{label!r} has no photograph in {' and '.join(missing)}: {_consequence(missing)}; more"
                " sources of it would help, or --ignore-sources where one source is all there is"
            )
    if uneven.ratio >= UNEVEN:
        yield f"{uneven.ratio:g} photographs of {uneven.most!r} for one of {uneven.fewest!r}"
    yield from _other_labels(assembled)
    yield from _sources_across(assembled)


def _consequence(missing: Sequence[Split]) -> str:
    return "its threshold cannot be chosen" if Split.VAL in missing else "its figures will not be known"


def _other_labels(assembled: Assembled) -> Iterator[str]:
    photos = [each.seen.found for each in assembled.placed]
    differ = [
        group
        for group in assembled.groups
        if selection.are_disputed([photos[place].photograph for place in group])
    ]
    if differ:
        example = ", ".join(photos[i].place for i in differ[0][:4])
        yield (
            f"{len(differ)} groups of near duplicates stand under different labels: look at them, as at"
            f" {example}"
        )


def _sources_across(assembled: Assembled) -> Iterator[str]:
    found: dict[str, set[Split]] = {}
    for each in assembled.placed:
        found.setdefault(each.photograph.source, set()).add(each.split)
    across = sorted(source for source, stood in found.items() if source and len(stood) > 1)
    if across:
        yield (
            f"{len(across)} sources stand on more than one side, as {across[0]}: photographs of a source are"
            " alike, so figures for it flatter"
        )
