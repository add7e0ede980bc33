"""Ledger of a stress run: when each photograph was to be sent, and what was heard of it.

Numbers in arrays, a few bytes a photograph: a run of an hour at a thousand a second stays small. A latency
counts from the moment at which a photograph *was to be* sent, however late its publisher was: whoever counts
from the sending leaves out the very waits that a slow system causes.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

LATELY: Final = 1000
"""Latencies that the live figures are of."""

FEWEST: Final = 50
"""Tags that a rate is told by."""


class Fate(IntEnum):
    """What became of a photograph."""

    DUE = 0
    PUBLISHED = 1
    UNPUBLISHED = 2
    """Storage or the broker refused it."""
    DEAD = 3
    TAGGED = 4


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Seconds; None of no photographs."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float]) -> LatencyFigures:
        """Those of so many."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        return cls(_share(ordered, 0.5), _share(ordered, 0.95), _share(ordered, 0.99), ordered[-1])


@dataclass(frozen=True, slots=True)
class StressCounts:
    """How many photographs, by what became of them."""

    due: int
    published: int
    unpublished: int
    tagged: int
    dead_lettered: int
    missing: int
    """Published, and nothing was heard of them."""
    deferred: int
    """Messages on the retry topic: a try later."""
    redeliveries: int
    """Tags that were said once more."""


@dataclass(frozen=True, slots=True)
class StressReport:
    """What a run came to."""

    run: str
    """In the keys of its photographs."""
    announced_by: str
    """Whose word the workers heard: `events` of the run, or `storage` itself."""
    rate: float
    """Photographs a second, as it was to be."""
    seconds: float
    """From the first photograph to the last, as it was to be."""
    counts: StressCounts
    latency: LatencyFigures
    """From the intended time of sending to the tags."""
    lateness: LatencyFigures
    """Of the publisher itself."""
    per_second: float | None
    """Tags a second once all was published, where a backlog had grown by then; else None."""
    lag_most: int
    lag_end: int
    removed: int = 0
    """Objects taken out of storage again."""
    cut_short: str = ""
    """Why it ended before its time."""

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


class StressLedger:
    """Of one run; numbers are given out from 0 on."""

    def __init__(self) -> None:
        self._due = array("d")
        self._heard = array("d")
        self._late = array("d")
        self._fates = bytearray()
        self._lately: deque[float] = deque(maxlen=LATELY)
        self.deferred = 0
        self.redeliveries = 0
        self.last_word = -math.inf
        """When something was heard last."""

    def add(self, due: float, *, now: float) -> int:
        """The next photograph was due then, and is begun now; its number."""
        self._due.append(due)
        self._late.append(max(0.0, now - due))
        self._heard.append(math.nan)
        self._fates.append(Fate.DUE)
        return len(self._due) - 1

    def published(self, number: int) -> None:
        """Its event is out."""
        self._become(number, Fate.PUBLISHED)

    def unpublished(self, number: int) -> None:
        """It could not be put, or not be announced."""
        self._become(number, Fate.UNPUBLISHED)

    def tagged(self, number: int, *, at: float) -> None:
        """Its tags were heard of."""
        if number >= len(self._due):
            return
        self.last_word = at
        if self._fates[number] == Fate.TAGGED:
            self.redeliveries += 1
            return
        self._become(number, Fate.TAGGED)
        self._heard[number] = at
        self._lately.append(at - self._due[number])

    def dead(self, number: int, *, at: float) -> None:
        """It is on the dead letters, or was parked."""
        if number < len(self._due):
            self.last_word = at
            self._become(number, Fate.DEAD)

    def put_off(self, number: int, *, at: float) -> None:
        """It is tried again later."""
        if number < len(self._due):
            self.last_word = at
            self.deferred += 1

    @property
    def is_settled(self) -> bool:
        """Whether the end of every photograph is known."""
        return self._count(Fate.DUE) + self._count(Fate.PUBLISHED) == 0

    @property
    def lately(self) -> LatencyFigures:
        """Of the latest tags."""
        return LatencyFigures.of(self._lately)

    def counts(self) -> StressCounts:
        """Of now."""
        waiting = self._count(Fate.PUBLISHED) + self._count(Fate.DUE)
        unpublished = self._count(Fate.UNPUBLISHED)
        return StressCounts(
            due=len(self._due),
            published=len(self._due) - unpublished - self._count(Fate.DUE),
            unpublished=unpublished,
            tagged=self._count(Fate.TAGGED),
            dead_lettered=self._count(Fate.DEAD),
            missing=waiting,
            deferred=self.deferred,
            redeliveries=self.redeliveries,
        )

    def latency(self) -> LatencyFigures:
        """Of all that were tagged."""
        pairs = zip(self._due, self._heard, strict=True)
        return LatencyFigures.of(heard - due for due, heard in pairs if not math.isnan(heard))

    def lateness(self) -> LatencyFigures:
        """How long after its time each was begun."""
        return LatencyFigures.of(self._late)

    def ended(self) -> tuple[int, ...]:
        """The numbers of those whose end is known: nobody will ask for their bytes any more."""
        waiting = {Fate.DUE, Fate.PUBLISHED}
        return tuple(number for number, fate in enumerate(self._fates) if fate not in waiting)

    def drain_rate(self, since: float) -> float | None:
        """Tags a second after `since`, when nothing was published any more; None where too few came."""
        after = sorted(each for each in self._heard if each > since)
        # The last few are a worker's that has run dry before the others.
        whole = after[: int(len(after) * 0.9)]
        if len(whole) < FEWEST or whole[-1] <= since:
            return None
        return len(whole) / (whole[-1] - since)

    def _become(self, number: int, fate: Fate) -> None:
        """What was learnt last holds, but for tags: whoever has them has them."""
        self._fates[number] = max(self._fates[number], fate)

    def _count(self, fate: Fate) -> int:
        return self._fates.count(fate)


def _share(ordered: Sequence[float], share: float) -> float:
    """The least value that no more than `1 - share` of them exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
