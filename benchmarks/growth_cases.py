"""Cases of the growth benchmark: which sizes there are of what, and which of them are measured again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.growth_verdicts import Row, suspected

SHORT: Final = {
    "backlog": (1_000, 10_000, 100_000),
    "documents": (1_000, 10_000, 100_000),
    "mongo": (1_000, 10_000, 100_000),
    "workers": (1, 2, 4),
}
FULL: Final = SHORT | {
    "backlog": (1_000, 10_000, 100_000, 1_000_000),
    "documents": (1_000, 10_000, 100_000, 1_000_000),
}
"""The stack's server has its indexes in 512 MiB of memory: a million images are for SQLite."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: one figure is varied, the others stay."""

    varied: str
    store: str
    size: int
    backlog: int = 3_000
    documents: int = 0
    workers: int = 1


def cases(
    backlog: Sequence[int], documents: Sequence[int], mongo: Sequence[int], workers: Sequence[int]
) -> Iterator[Case]:
    """All of them; backlogs last, since what is left of one is the beginning of the next."""
    for size in documents:
        yield Case("documents", "sqlite", size, documents=size)
    for size in mongo:
        yield Case("documents", "mongo", size, documents=size)
    for store in ("sqlite", "mongo"):
        for size in workers:
            yield Case("workers", store, size, workers=size)
    for size in backlog:
        yield Case("backlog", "sqlite", size, backlog=size)


def again(wanted: Sequence[Case], rows: Sequence[Row]) -> list[Case]:
    """The largest and smallest of what seems to grow: other work on the machine looks like growth too."""
    found = []
    for group in suspected(rows):
        ours = [case for case in wanted if (case.varied, case.store) == group]
        if group[0] != "backlog":  # of which there is no smaller one any more
            found += [ours[-1], ours[0]]
    return found
