"""Scoring of a chunk's rows: behind the predictions that people wait for, each photograph once.

A row never fails the job: what is wrong with its photograph is its result. A storage that is away is no
fault of a row, and is waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from agents.ports import Tagger
from operations.background_lane import BackgroundLane
from operations.batch_results import RowResult, fault_of
from operations.batch_rows import BatchRow, RowFault
from schemas.errors import KeepsFailing, Rejected
from schemas.tags import Verdict
from schemas.uploads import Location
from streams.ports import Fetched, ImageStore
from streams.resilience.retry import Dependency

ATTEMPTS: Final = 5
"""Of one photograph that the storage refuses while it gives others."""

_KEEPS_FAILING: Final = "keeps-failing"


class BatchTagger(Tagger, Protocol):
    """A version, behind whoever waits for an answer."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What it scores, in its own order."""


class ChunkScoring:
    """A chunk's rows, and what is known of their photographs so far; each photograph once."""

    def __init__(self, rows: Sequence[BatchRow]) -> None:
        self.rows = rows
        self.left = deque(dict.fromkeys(row.location for row in rows if row.location is not None))
        self.found: dict[Location, Verdict | RowFault] = {}
        self._photographs = len(self.left)

    @property
    def seen(self) -> int:
        """Rows that have a result, by the share of the photographs that have one."""
        return len(self.rows) * len(self.found) // self._photographs if self._photographs else 0


@dataclass(frozen=True, slots=True)
class RowScorer:
    """Owns nothing. `slots` photographs are in hand at once, and one while predictions are."""

    images: ImageStore
    storage: Dependency
    slots: int
    is_quiet: Callable[[], bool]
    """Whether nobody waits for a prediction."""

    async def scored(self, chunk: ChunkScoring, tagger: BatchTagger) -> tuple[RowResult, ...]:
        """A result of every row, in their order. Raises `Broken`."""
        lane = BackgroundLane(self.slots, self.is_quiet)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.slots):
                    group.create_task(self._work(chunk, tagger, lane))
        except BaseExceptionGroup as error:  # the others were cancelled for it
            raise error.exceptions[0] from error
        return tuple(_result(row, chunk.found) for row in chunk.rows)

    async def _work(self, chunk: ChunkScoring, tagger: BatchTagger, lane: BackgroundLane) -> None:
        """Take the next photograph until there is none."""
        while chunk.left:
            async with lane.place():
                if chunk.left:  # others may have taken the last one meanwhile
                    location = chunk.left.popleft()
                    chunk.found[location] = await self._seen(location, tagger)

    async def _seen(self, location: Location, tagger: BatchTagger) -> Verdict | RowFault:
        try:
            fetch = partial(self.images.fetch, location)
            fetched: Fetched = await self.storage.retry_until_available(fetch, attempts=ATTEMPTS)
            forwarded = await tagger.score(await tagger.decode(fetched.data))
        except Rejected as error:
            return fault_of(error)
        except KeepsFailing as error:
            return RowFault(_KEEPS_FAILING, f"{error.dependency} gives others, and not this one")
        return tagger.decide(forwarded.scores, None)


def _result(row: BatchRow, found: dict[Location, Verdict | RowFault]) -> RowResult:
    if row.location is None:
        return RowResult(row, None, row.fault)
    outcome = found[row.location]
    if isinstance(outcome, RowFault):
        return RowResult(row, None, outcome)
    return RowResult(row, outcome, None)
