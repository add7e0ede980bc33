"""Verdicts of the growth benchmark: which figures are larger where there is more, beyond noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def verdicts(rows: Sequence[Row]) -> list[str]:
    """A line for each figure that grows from the smallest size to the largest; else one that says so."""
    found = []
    for varied, store in dict.fromkeys((row.varied, row.store) for row in rows):
        ours = [row for row in rows if (row.varied, row.store) == (varied, store)]
        least, most = ours[0], ours[-1]
        for figure, unit, noise in _FIGURES:
            before, after = getattr(least, figure), getattr(most, figure)
            if before is None or after is None:
                continue
            if after > before * GROWS and after - before > noise:
                grown = f"{before:g} to {after:g} {unit}"
                found.append(
                    f"{figure} grows with {varied} ({store}), {least.size:,} to {most.size:,}: {grown}"
                )
    return found or ["no figure grows"]
