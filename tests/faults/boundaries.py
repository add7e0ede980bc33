"""Wrappers around the ports that strike at one boundary of the straight path, wired by the tests alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from agents.ports import Forwarded, Tagger, WithRendition
from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef, Scores, Verdict
from schemas.uploads import Location
from streams.app import StreamApp
from streams.inflight import Partition
from streams.ports import Change, Fetched, ImageStore, ScoreStore, TagPublisher

log = structlog.get_logger(__name__)

T = TypeVar("T")

AFTER_REVOCATION = 0.2
"""Seconds that work which lingers goes on after its partitions are asked back."""


class Boundary(StrEnum):
    """Where a strike falls: right after what it names, unless it says before."""

    MESSAGE = "decode-message"
    FETCH = "fetch"
    DECODE = "decode"
    FORWARD = "forward"
    STORE = "store"
    STATEMENT = "statement"
    ANNOUNCE_1 = "announce 1"
    ANNOUNCE_2 = "announce 2"
    ANNOUNCE_3 = "announce 3"
    MARK = "mark"
    LETTER = "dead letter"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "commit"


COMMITS = {Boundary.BEFORE_COMMIT, Boundary.AFTER_COMMIT}
"""Where nothing can be held for ever: the revocation itself waits for a commit that is under way. And where
one passage may be all there is: a quick worker commits everything at once."""


class Act(StrEnum):
    """What a strike does."""

    KILL = "kill -9"
    TERM = "SIGTERM"
    FREEZE = "SIGSTOP"
    HOLD = "hold"
    """The work goes no further until it is cancelled."""
    LINGER = "linger"
    """The work goes on when the partitions have been asked back."""


@dataclass(slots=True)
class Saboteur:
    """Strikes once, at the given passage of one boundary."""

    app: StreamApp
    boundary: Boundary | None = None
    act: Act = Act.KILL
    passage: int = 1
    _passed: int = 0

    async def pass_by(self, boundary: Boundary, image_id: str = "") -> None:
        """Called where `boundary` lies, for each image that comes by."""
        if boundary is not self.boundary:
            return
        self._passed += 1
        if self._passed != self.passage:
            return
        log.info("fault.struck", boundary=boundary, act=self.act, image_id=image_id)
        await self._strike()
        log.info("fault.survived", boundary=boundary, act=self.act, image_id=image_id)

    async def _strike(self) -> None:
        signals = {Act.KILL: signal.SIGKILL, Act.TERM: signal.SIGTERM, Act.FREEZE: signal.SIGSTOP}
        if self.act in signals:
            os.kill(os.getpid(), signals[self.act])
            return
        window = self.app.window
        assert window is not None
        epoch = window.epoch
        while self.act is Act.HOLD or (window._admitting and window.epoch == epoch):
            await asyncio.sleep(0.02)
        await asyncio.sleep(AFTER_REVOCATION)

    def watch_commits(self) -> None:
        """Strike around the app's commits too."""
        commit = self.app._commit

        async def watched(offsets: Mapping[Partition, int]) -> bool:
            await self.pass_by(Boundary.BEFORE_COMMIT)
            taken = await commit(offsets)
            await self.pass_by(Boundary.AFTER_COMMIT)
            return taken

        self.app._commit = watched  # type: ignore[method-assign]


@dataclass(frozen=True)
class WatchedImages:
    """Photographs; struck after a fetch."""

    inner: ImageStore
    saboteur: Saboteur

    async def fetch(self, location: Location) -> Fetched:
        fetched = await self.inner.fetch(location)
        await self.saboteur.pass_by(Boundary.FETCH, location.key)
        return fetched

    async def exists(self, location: Location) -> bool:
        return await self.inner.exists(location)

    async def link(self, location: Location, *, seconds: float) -> str:
        return await self.inner.link(location, seconds=seconds)

    async def ping(self) -> None:
        await self.inner.ping()


@dataclass(frozen=True)
class WatchedScores:
    """Heads, scores and statements; struck before the first look, after a store, a statement and a mark."""

    inner: ScoreStore
    saboteur: Saboteur
    announced: set[str] = field(default_factory=set)

    async def head(self, image_id: str) -> ImageHead | None:
        await self.saboteur.pass_by(Boundary.MESSAGE, image_id)
        return await self.inner.head(image_id)

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        outcome = await self.inner.apply(image_id, change, record)
        if record is not None:
            await self.saboteur.pass_by(Boundary.STORE, image_id)
        elif image_id in self.announced:
            await self.saboteur.pass_by(Boundary.MARK, image_id)
        return outcome

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        await self.inner.keep_statements(statements)
        await self.saboteur.pass_by(Boundary.STATEMENT, statements[0].image_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class WatchedTags:
    """Events, one at a time; struck after each, and after a dead letter."""

    inner: TagPublisher
    saboteur: Saboteur
    announced: set[str]

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        places = (Boundary.ANNOUNCE_1, Boundary.ANNOUNCE_2, Boundary.ANNOUNCE_3)
        for number, each in enumerate(announcements):
            await self.inner.announce([each])
            image_id = each.event.image_id if each.event else each.key
            self.announced.add(image_id)
            if number < len(places):
                await self.saboteur.pass_by(places[number], image_id)

    async def bury(self, letter: DeadLetter) -> None:
        await self.inner.bury(letter)
        await self.saboteur.pass_by(Boundary.LETTER, letter.image_id or "")

    async def ping(self) -> None:
        await self.inner.ping()


@dataclass(frozen=True)
class WatchedTagger:
    """What sees; struck after a decode and after a forward."""

    inner: Tagger
    saboteur: Saboteur

    @property
    def model(self) -> ModelRef:
        return self.inner.model

    async def decode(self, data: bytes) -> Any:
        return await self._then(Boundary.DECODE, lambda: self.inner.decode(data))

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        return await self._then(Boundary.DECODE, lambda: self.inner.decode_and_reduce(data))

    @property
    def input_side(self) -> int:
        return self.inner.input_side

    def adopt(self, pixels: Any) -> Any:
        return self.inner.adopt(pixels)

    async def score(self, pixels: Any) -> Forwarded:
        return await self._then(Boundary.FORWARD, lambda: self.inner.score(pixels))

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        return self.inner.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        return self.inner.correct(judged, labels)

    async def _then(self, boundary: Boundary, call: Callable[[], Awaitable[T]]) -> T:
        result = await call()
        await self.saboteur.pass_by(boundary)
        return result
