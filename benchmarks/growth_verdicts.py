"""Verdicts of the growth benchmark: which figures are larger where there is more, beyond noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

GROWS: Final = 1.25
"""From the smallest size to the largest, what a figure may gain on a machine with other things to do."""
LEAST_MS: Final = 0.3
LEAST_MB: Final = 25.0
"""Differences below these are noise."""
_FIGURES: Final = (
    *((name, "ms", LEAST_MS) for name in ("worker_ms", "kafka_ms", "s3_ms", "store_ms")),
    ("worker_mb", "MB", LEAST_MB),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One case; milliseconds are CPU time an image."""

    varied: str
    store: str
    size: int
    images: int
    per_second: float
    worker_ms: float
    kafka_ms: float
    s3_ms: float
    store_ms: float | None
    """None where the store is in the workers."""
    worker_mb: float
    """Resident, of the largest worker, in the end."""
    grown_mb: float
    """Of that, gained while images were counted."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """That an image spends in each, waits included."""


def suspected(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What is varied over which store, where a figure grows."""
    return list(dict.fromkeys(group for group, _ in _grown(rows)))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """A line for each figure that grows from the smallest size to the largest; else one that says so.

    Of a size that was measured more than once the least counts: other work on a machine only adds.
    """
    return [line for _, line in _grown(rows)] or ["no figure grows"]


def _grown(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str], str]]:
    for group in dict.fromkeys((row.varied, row.store) for row in rows):
        ours = [row for row in rows if (row.varied, row.store) == group]
        sizes = sorted(row.size for row in ours)
        for figure, unit, noise in _FIGURES:
            before, after = (_least(ours, size, figure) for size in (sizes[0], sizes[-1]))
            if before is None or after is None:
                continue
            if after > before * GROWS and after - before > noise:
                where = f"{group[0]} ({group[1]}), {sizes[0]:,} to {sizes[-1]:,}"
                yield group, f"{figure} grows with {where}: {before:g} to {after:g} {unit}"


def _least(rows: Sequence[Row], size: int, figure: str) -> float | None:
    found = [getattr(row, figure) for row in rows if row.size == size]
    return min((each for each in found if each is not None), default=None)
