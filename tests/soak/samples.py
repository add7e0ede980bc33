"""What is measured every second: backlog, messages in and out, memory and CPU of each worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka.structs import TopicPartition

from schemas import topics
from schemas.errors import Unavailable
from streams.adapters.kafka.consumer import asking, groupless
from tests.soak.crew import Crew
from tests.soak.faults import Struck
from tests.soak.plan import GROUP

EVERY: Final = 1.0
ANSWER: Final = 3.0
"""Seconds for the broker's answer; a frozen one has none."""
WARM: Final = 30.0
"""Seconds from a worker's start in which its memory grows rightly."""
LONG: Final = 120.0
"""Seconds of a warm worker's life below which its growth says nothing."""
PARTITIONS: Final = 4
INBOUND: Final = (topics.UPLOADED, topics.DECISIONS, topics.RETRY)
_MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the group is."""

    published: int
    """Messages on the inbound topics."""
    handled: int
    """Of them, those below the committed offsets."""

    @property
    def lag(self) -> int:
        """Messages that wait, or are worked on."""
        return self.published - self.handled


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `at` is the second of the soak."""

    at: float
    progress: Progress | None
    """None while the broker does not answer."""
    memory: Mapping[int, int]
    """Resident bytes by worker."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One worker's resident memory over its life, once warm."""

    worker: int
    first: float
    last: float
    """MiB."""
    seconds: float
    """Between the two."""


class Offsets:
    """The group's progress, asked again and again; connects anew where the broker has gone."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._stack = AsyncExitStack()
        self._consumer: Any = None
        self.turned_back = 0
        """Times that a partition's committed offset was below an earlier one."""
        self._done = {TopicPartition(name, number): 0 for name in INBOUND for number in range(PARTITIONS)}

    async def progress(self) -> Progress | None:
        """As of now; None where the broker does not say it in time."""
        try:
            async with asking("offsets", seconds=ANSWER):
                await self._connect()
                ends = await self._consumer.end_offsets(list(self._done))
                for tp, known in self._done.items():
                    # None of a broker that has just come up and has not read yet what was committed.
                    committed = await self._consumer.committed(tp)
                    self.turned_back += committed is not None and committed < known
                    self._done[tp] = max(known, committed or 0)
        except Unavailable:
            await self.close()
            return None
        return Progress(sum(ends.values()), sum(self._done.values()))

    async def close(self) -> None:
        """Disconnect."""
        self._consumer = None
        await self._stack.aclose()

    async def _connect(self) -> None:
        if self._consumer is None:
            opened = groupless(self._bootstrap, seconds=ANSWER, offsets_of=GROUP)
            self._consumer = await self._stack.enter_async_context(opened)
            self._consumer.assign(list(self._done))


@dataclass
class Sampler:
    """Looks every second; keeps every look."""

    crew: Crew
    offsets: Offsets
    clock: Callable[[], float]
    samples: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                began = time.monotonic()
                await self.look()
                await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))
        finally:
            await self.offsets.close()

    async def look(self) -> Sample:
        """One look, kept."""
        progress = await self.offsets.progress()
        seen = {member.number: member.look() for member in self.crew.members}
        memory = {number: held for number, held in seen.items() if held}
        self.samples.append(Sample(self.clock(), progress, memory))
        return self.samples[-1]


def memories(samples: Sequence[Sample], born: Mapping[int, float]) -> list[Memory]:
    """Each worker's memory once it was warm; `born` is the second of its start."""
    return [
        Memory(worker, points[0][1], points[-1][1], points[-1][0] - points[0][0])
        for worker, points in _warm(samples, born).items()
    ]


def slope(samples: Sequence[Sample], born: Mapping[int, float]) -> float | None:
    """MiB an hour by which a warm worker grows: least squares, one line's slope for all, each its own height.

    None where no worker lived long enough for its growth to mean something.
    """
    above = below = 0.0
    for points in _warm(samples, born).values():
        if points[-1][0] - points[0][0] < LONG:
            continue
        mean_at = sum(at for at, _ in points) / len(points)
        mean_held = sum(held for _, held in points) / len(points)
        above += sum((at - mean_at) * (held - mean_held) for at, held in points)
        below += sum((at - mean_at) ** 2 for at, _ in points)
    return above / below * 3600 if below else None


def _warm(samples: Sequence[Sample], born: Mapping[int, float]) -> dict[int, list[tuple[float, float]]]:
    """Second and MiB of each worker's looks, from its warming on."""
    points: dict[int, list[tuple[float, float]]] = {}
    for sample in samples:
        for worker, held in sample.memory.items():
            if sample.at >= born[worker] + WARM:
                points.setdefault(worker, []).append((sample.at, held / _MEBIBYTE))
    return points


def note_recoveries(struck: Sequence[Struck], samples: Sequence[Sample], *, rate: float) -> None:
    """When the backlog was again what it was before each fault, or two seconds' worth."""
    for fault in struck:
        before = [each.progress.lag for each in samples if each.progress and each.at <= fault.began]
        enough = max(2 * rate, before[-1] if before else 0)
        after = (each for each in samples if each.at >= fault.ended and each.progress)
        fault.recovered = next(
            (each.at for each in after if each.progress and each.progress.lag <= enough), None
        )
