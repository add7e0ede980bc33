"""Suspicions: what is held aside under a rejection alarm, read off the newest letters of its two topics.

An alarm is in the memory of a worker; what it held aside is on the retry topic and on parking, and says
of itself since when too many are rejected for its cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from operations import redrive_journal
from schemas import topics
from schemas.wire import headers
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.reader import newest
from streams.message import Message

NEWEST: Final = 200
"""Letters of a partition that are looked at."""

RECENT: Final = timedelta(days=1)
"""Letters that were parked before that are known to whoever wanted to know."""


@dataclass(frozen=True, slots=True)
class HeldAside:
    """What is held aside for one cause."""

    cause: str
    waiting: int
    """On the retry topic, to be tried again."""
    parked: int
    """Tried as often as is allowed; a person says what becomes of it."""
    since: datetime

    @property
    def words(self) -> str:
        """How many, and since when."""
        return (
            f"{self.cause} since {self.since.astimezone():%Y-%m-%d %H:%M:%S} "
            f"({self.waiting} to be tried again, {self.parked} parked)"
        )


@dataclass(frozen=True, slots=True)
class Aside:
    """What is not done yet of what was worked on."""

    causes: tuple[HeldAside, ...]
    """The most numerous first."""
    others: int
    """On the retry topic too, each for itself."""


async def read(brokers: KafkaAddress, *, group: str) -> Aside:
    """What is held aside now; of the newest letters alone."""
    async with LaneProgress(brokers, topics.RETRY, group) as lane:
        done = await lane.committed()
    waiting = [message async for message in newest(brokers, topics.RETRY, most=NEWEST, behind=done)]
    redriven = (await redrive_journal.read(brokers)).sent
    since = datetime.now(UTC) - RECENT
    parked = [
        message
        async for message in newest(brokers, topics.PARKING, most=NEWEST)
        if message.source not in redriven and (message.timestamp or since) >= since
    ]
    others = sum(headers.suspicion(each) is None for each in waiting)
    return Aside(_by_cause(waiting, parked), others)


def _by_cause(waiting: Iterable[Message], parked: Iterable[Message]) -> tuple[HeldAside, ...]:
    found: dict[str, HeldAside] = {}
    for message, waits in (*((each, True) for each in waiting), *((each, False) for each in parked)):
        if (suspicion := headers.suspicion(message)) is None:
            continue
        before = found.get(suspicion.cause) or HeldAside(suspicion.cause, 0, 0, suspicion.since)
        found[suspicion.cause] = HeldAside(
            suspicion.cause,
            before.waiting + waits,
            before.parked + (not waits),
            min(before.since, suspicion.since),
        )
    return tuple(sorted(found.values(), key=lambda each: (-each.waiting - each.parked, each.cause)))
