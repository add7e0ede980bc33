"""Snapshot assembly: photographs are selected, divided, accounted for and written."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from model import atomic_folders
from model.data import division, near_duplicates, selection, snapshot, snapshot_report
from model.data.entries import Refusal
from model.data.inspecting import Seen
from model.data.photograph import Split
from model.data.plan import Assembled, SnapshotPlan, wished
from model.data.progress import Tick, silent
from model.data.selection import Selected
from model.data.snapshot import Placed
from schemas.errors import ConfigurationError

FEWEST: Final = 2
"""Photographs of a label: one to learn from, one to choose by."""

SPARE: Final = 1.05
"""Of the photographs' bytes that must be free on the disk: what goes into a shard beside them."""


def assemble(
    answers: Iterable[Seen | Refusal], wanted: SnapshotPlan, *, labels: Collection[str]
) -> Assembled:
    """What goes into the snapshot, and what does not; `labels` are all that the sources have. Pure.

    Raises `ConfigurationError` for what cannot be learned from: nothing left, one label alone, a label with
    one photograph, or one that is seen only where nothing is learned.
    """
    every = tuple(answers)
    refused = tuple(each for each in every if isinstance(each, Refusal))
    seen = (each for each in every if isinstance(each, Seen))
    selected = selection.select(seen, leave_out=wanted.leave_out, merge=wanted.merge_conflicts)
    selected = replace(selected, refused=tuple(sorted((*refused, *selected.refused))))
    _refuse_unlearnable(sorted(set(labels) - set(wanted.leave_out)), selected)
    photos = [wished(each, wanted) for each in selected.kept]
    groups = near_duplicates.groups([each.print for each in selected.kept], wanted.nearness)
    divided = division.divide(photos, groups=groups, how=wanted.how)
    placed = tuple(map(Placed, selected.kept, divided.splits))
    kept = tuple(sorted({label for photo in photos for label in photo.labels}))
    _refuse_unlearned(kept, placed)
    return Assembled(placed, kept, selected, tuple(map(tuple, groups)), divided)


def write(assembled: Assembled, wanted: SnapshotPlan, *, within: Path, tick: Tick = silent) -> Path:
    """The snapshot's folder in `within`, an unfinished folder; the caller puts it in its place.

    Raises `ConfigurationError` where the disk has no room for it, and `OSError`.
    """
    needed = int(sum(each.seen.bytes for each in assembled.placed) * SPARE)
    free = shutil.disk_usage(within).free
    if free < needed:
        raise ConfigurationError(
            f"{within.parent}: {needed:,} bytes are needed and {free:,} are free; nothing was written"
        )
    folder = within / "snapshot"
    folder.mkdir()
    shards = snapshot.write_shards(folder, assembled.placed, tick=tick)
    about = snapshot_report.document(assembled, wanted, shards)
    snapshot.write_document(folder, about)
    named = within / about.folder
    folder.rename(named)
    return named


def keep(made: Path, *, output: Path) -> tuple[Path, bool]:
    """Put the snapshot into `output`: where it is now, and whether it was there before, unharmed.

    Raises `ConfigurationError` where another folder has its place.
    """
    place = output / made.name
    if atomic_folders.place_folder(made, place):
        return place, False
    try:
        snapshot.photographs(place, snapshot.describe(place))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{place} is there and is not whole ({error}); remove it, and import again"
        ) from error
    return place, True


def _refuse_unlearnable(wished: Sequence[str], selected: Selected) -> None:
    lost = _lost(selected.refused)
    if not selected.kept:
        raise ConfigurationError(f"no photograph is left{lost}")
    photos = [each.found.photograph for each in selected.kept]
    counts = Counter(label for photo in photos for label in photo.labels)
    negatives = any(photo.is_none for photo in photos)
    for label in wished:
        if not counts[label] and (doubted := sum(label in photo.maybe for photo in photos)):
            raise ConfigurationError(
                f"{label!r} stands only under maybe (of {doubted} photographs){lost}, so nothing could learn "
                f"it: say of some that it holds, or leave the label out with --leave-out {label!r}"
            )
        if counts[label] < FEWEST:
            raise ConfigurationError(
                f"{counts[label]} photograph{'s' if not counts[label] else ''} of {label!r}{lost}; at least "
                f"{FEWEST} are needed: add some, or leave the label out with --leave-out {label!r}"
            )
    if len(wished) < (1 if negatives else FEWEST):
        what = f"only the label {wished[0]!r}" if wished else "no label at all"
        raise ConfigurationError(f"{what}; at least two are needed, or one and --negatives")


def _lost(refused: Sequence[Refusal]) -> str:
    counts = Counter(each.cause for each in refused)
    causes = ", ".join(f"{count} {cause}" for cause, count in counts.most_common())
    example = f", as {refused[0].place}: {refused[0].why}" if refused else ""
    return f" (left out: {causes}{example})" if refused else ""


def _refuse_unlearned(labels: Sequence[str], placed: Sequence[Placed]) -> None:
    """A snapshot for judging alone may have no photograph to learn from; else every label needs one."""
    on = division.sides_of_labels(labels, (each.photograph for each in placed))
    if not any(each.split is Split.TRAIN for each in placed):
        return
    for label in labels:
        if not on[label][Split.TRAIN]:
            where = " and ".join(side for side in (Split.VAL, Split.TEST) if on[label][side])
            raise ConfigurationError(
                f"the label {label!r} is seen only in {where}, so nothing could learn it: give some of its "
                f"photographs the split train, divide anew with --resplit, or --leave-out {label!r}"
            )
