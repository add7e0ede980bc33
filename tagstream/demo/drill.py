"""Kill drill: kill -9 in mid-run, at a moment when a message is provably in work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas import topics, wire
from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tagstream.demo.workers import Place, Worker

CONCURRENCY: Final = 2
"""Photographs that the victim works on at once: few, so that the samples last."""

_POLL: Final = 0.005
_LOOK_SECONDS: Final = 1.0
"""A frozen worker may hold the store's write lock: then we thaw it and look again later."""


@dataclass(frozen=True, slots=True)
class Strike:
    """How it stood when the worker was killed."""

    worker: int
    at: float
    """Seconds since 1970."""
    done: int
    in_work: tuple[str, ...]
    """The images that it was working on: started, not announced, so not committed either."""


async def places(bootstrap: str) -> dict[Place, str]:
    """Which image each message on the uploads topic is about."""
    found = {}
    for message in await read_all(bootstrap, topics.UPLOADED):
        for record in wire.decode(message.value, dict(message.headers)):
            if isinstance(record, wire.Uploaded):
                found[message.partition, message.offset] = record.upload.image_id
    return found


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom to kill, and what it works on."""

    victim: Worker
    images: Mapping[Place, str]
    """Which image each message is about."""
    is_rejected: Callable[[], frozenset[str]]
    """The images that have ended without a trace in the store."""

    def in_work(self, ended: frozenset[str]) -> frozenset[str]:
        """The images that the victim has started and that have not ended."""
        started = {self.images[place] for place in self.victim.starts() if place in self.images}
        return frozenset(started - ended)


async def strike(aim: Aim, scores: SqliteScores) -> Strike | None:
    """Kill the victim once some images are done and some in work; None when that moment never came."""
    victim, total = aim.victim, len(aim.images)
    after = min(total, CONCURRENCY + max(1, total // 5))
    while True:
        victim.assert_alive()
        await asyncio.sleep(_POLL)
        if (started := len(victim.starts())) < after:
            continue
        if struck := await _strike_now(aim, scores):
            return struck
        if started >= total:
            return None
        after = started + 1


async def _strike_now(aim: Aim, scores: SqliteScores) -> Strike | None:
    # Frozen before we look: what we see in work cannot finish, nor be committed, behind our back.
    aim.victim.freeze()
    if (announced := await _announced_soon(scores)) is not None:
        ended = announced | aim.is_rejected()
        if ended and (in_work := aim.in_work(ended)):
            at = aim.victim.kill()
            return Strike(aim.victim.number, at, done=len(ended), in_work=tuple(sorted(in_work)))
    aim.victim.thaw()
    return None


async def _announced_soon(scores: SqliteScores) -> frozenset[str] | None:
    """The images whose tags the broker has acknowledged; None when the store is locked."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return await announced(scores)
    except TimeoutError:
        return None


async def announced(scores: SqliteScores) -> frozenset[str]:
    """The images whose tags the broker has acknowledged."""
    return frozenset([head.image_id async for head in every_head(scores) if head.is_announced])
