"""What waits in the replay lane, by replay, and how a replay is dropped: by a mark in the store.

`agents.dropped_replays` says why the requests themselves stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import store
from schemas import topics, wire
from schemas.errors import ConfigurationError
from schemas.events import RescoreRequested
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.message import Message

Tick = Callable[[int, int], None]
"""Told how many requests are read, and of how many."""


@dataclass(slots=True)
class WaitingReplay:
    """The requests of one replay that the workers have not committed."""

    job: str
    version: str
    since: datetime
    requests: int = 0

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "job": self.job,
            "model_version": self.version,
            "since": self.since.isoformat(),
            "requests": self.requests,
        }


async def waiting(settings: Settings, tick: Tick) -> list[WaitingReplay]:
    """The replays that wait, the oldest first."""
    brokers, found = kafka_connection(settings), dict[str, WaitingReplay]()
    try:
        async with (
            LaneProgress(brokers, topics.RESCORE, settings.kafka.group) as progress,
            TopicReader(brokers, topics.RESCORE) as lane,
        ):
            begin, end = await progress.committed(), await lane.ends()
            total, read = await progress.left(), 0
            async for message in lane.read(begin, end):
                read += 1
                tick(read, total)
                _count(message, found)
    except NoTopic:
        return []
    return sorted(found.values(), key=lambda replay: replay.since)


def _count(message: Message, found: dict[str, WaitingReplay]) -> None:
    asked = wire.decode_rescore(message.value, dict(message.headers))
    if isinstance(asked, RescoreRequested):
        replay = WaitingReplay(asked.job, asked.model_version, asked.requested_at)
        found.setdefault(asked.job, replay).requests += 1


@dataclass(frozen=True, slots=True)
class DroppedLane:
    """What was dropped, or would be, and what else waits."""

    dropped: tuple[WaitingReplay, ...]
    left: tuple[WaitingReplay, ...]
    is_dry: bool


async def drop(
    settings: Settings, *, version: str | None, job: str | None, dry_run: bool, tick: Tick
) -> DroppedLane:
    """Drop the replays that want that version, or are called so; raises `ConfigurationError` for neither."""
    every = await waiting(settings, tick)
    if version is None and job is None:
        raise ConfigurationError(
            f"say which replays to drop: --model VERSION, or --job JOB; {_listed(every)}"
        )
    chosen = tuple(each for each in every if version in {None, each.version} and job in {None, each.job})
    left = tuple(each for each in every if each not in chosen)
    if chosen and not dry_run:
        async with store.open_store(settings.store) as scores:
            await scores.drop_replays([each.job for each in chosen])
    return DroppedLane(chosen, left, dry_run)


def _listed(every: list[WaitingReplay]) -> str:
    if not every:
        return "nothing waits in the lane"
    return "waiting: " + ", ".join(f"{each.job} (version {each.version})" for each in every)
