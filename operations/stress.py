"""Stress run against a running system: photographs at a rate, and what becomes of each.

The publisher is an open loop: it keeps to its times however slow the system is. Whether storage announces
what is put there, or the run has to, is found out with one photograph before the first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from agents.wiring.backends import kafka_connection, kafka_settings, s3_settings
from agents.wiring.settings import Settings
from model.data.gather import gather_bounded
from operations import backlog, stress_following, stress_photographs, uploads_lag
from operations.backlog import Backlog
from operations.stress_ledger import LatencyFigures, StressCounts, StressLedger, StressReport
from operations.stress_publisher import OpenLoop, StressKeys
from operations.tail import followed
from operations.uploads_lag import UploadsLag
from schemas.errors import ConfigurationError, Unavailable
from schemas.uploads import ImageRemoved, Location
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.publisher import UploadPublisher
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.versions import S3Versions

PREFIX: Final = "tagstream-stress"
DRAWN: Final = 11
"""Pages of the program's own, beside the samples: one of a kind."""

REMOVED_AT_ONCE: Final = 16
_EVERY: Final = 1.0
"""Seconds between two looks at the lag, and two words on how it goes."""


@dataclass(frozen=True, slots=True)
class StressRequest:
    """What is to be published, how fast and for how long."""

    rate: float
    seconds: float
    photographs: tuple[Path, ...]
    """Files and folders."""
    drawn: int = 0
    """Pages that are drawn beside them."""
    bucket: str | None = None
    prefix: str = PREFIX
    patience: float = 30.0
    """Seconds without a word of any photograph after which the rest is missing."""
    keep: bool = False
    """Leave the photographs in storage, and in the store."""
    is_embedded: bool = False
    """End where the embedded broker would begin to drop what no worker has read."""


@dataclass(frozen=True, slots=True)
class StressState:
    """How it goes."""

    counts: StressCounts
    lately: LatencyFigures
    lag: int


class StressProgress(Protocol):
    """Told how it goes."""

    def doing(self, what: str, total: int | None) -> None:
        """What goes on, and of how many photographs."""

    def stands(self, state: StressState) -> None:
        """A word each second."""

    def took_back(self, objects: int) -> None:
        """So many are out of storage again."""


async def stress(request: StressRequest, settings: Settings, progress: StressProgress) -> StressReport:
    """Run it, and take back what it has put. Cancelled once, it only publishes no more."""
    pool = stress_photographs.read(request.photographs, max_bytes=settings.s3.max_object_bytes)
    keys = StressKeys(_bucket(request, settings), request.prefix.strip("/") or PREFIX, _name())
    brokers, ledger = kafka_connection(settings), StressLedger()
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(S3Images(s3_settings(settings)))
        events = await stack.enter_async_context(UploadPublisher(kafka_settings(settings)))
        lag = await stack.enter_async_context(uploads_lag.opened(brokers, settings.kafka.group))
        meter = None
        if request.is_embedded:
            meter = await stack.enter_async_context(backlog.metered(brokers, settings.kafka.group))
        drawn = await asyncio.to_thread(stress_photographs.draw, request.drawn)
        loop = OpenLoop(storage, events, pool=(*pool, *drawn), keys=keys, ledger=ledger)
        run = _Run(request, loop, ledger, lag, progress, meter)
        await run.learn(brokers, keys.run)
        async with run.following(brokers, keys.run):
            await run.publish()
            await run.wait()
        await run.until_idle()
        report = run.report(keys.run)
        return report if request.keep else replace(report, removed=await run.take_back(settings))


@dataclass(slots=True)
class _Run:
    request: StressRequest
    loop: OpenLoop
    ledger: StressLedger
    lag: UploadsLag
    progress: StressProgress
    meter: Backlog | None
    probed: list[Location] = field(default_factory=list)
    published_at: float = 0.0
    cut_short: str = ""

    async def learn(self, brokers: KafkaAddress, run: str) -> None:
        """Who announces: nothing is published twice where storage does."""
        self.progress.doing("Finding out whether storage announces", None)

        async def put() -> Location:
            place = await self.loop.probe()
            self.probed.append(place)
            return place

        if await stress_following.is_announced(brokers, put, run):
            self.loop.events = None

    @asynccontextmanager
    async def following(self, brokers: KafkaAddress, run: str) -> AsyncIterator[None]:
        """While the block runs all that is said of the photographs is entered; raises what stops that."""
        async with followed(brokers, stress_following.HEARD_ON) as messages:
            following = asyncio.create_task(stress_following.follow(messages, run, self.ledger))
            telling = asyncio.create_task(self._tell())
            try:
                yield
            finally:
                for task in (following, telling):
                    task.cancel()
                ends = await asyncio.gather(following, telling, return_exceptions=True)
            for end in ends:
                if isinstance(end, Exception):
                    raise end

    async def publish(self) -> None:
        """All of them, each at its time; those that are under way when it is cancelled come to their end."""
        request = self.request
        self.progress.doing(f"Publishing {request.rate:g}/s", max(1, round(request.rate * request.seconds)))
        publishing = asyncio.create_task(
            self.loop.publish(request.rate, request.seconds, is_over=self._is_over)
        )
        try:
            await asyncio.shield(publishing)
        except asyncio.CancelledError:
            if publishing.done():
                raise
            self.cut_short = "it was broken off"
            _uncancelled()
            await publishing
        self.published_at = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Until the end of each is known, or nothing is heard for too long."""
        self.progress.doing("Waiting for tags", self.ledger.counts().due)
        clock = asyncio.get_running_loop().time
        while not self.ledger.is_settled:
            if clock() - max(self.ledger.last_word, self.published_at) > self.request.patience:
                return
            await asyncio.sleep(_EVERY / 10)

    async def take_back(self, settings: Settings) -> int:
        """Delete the objects whose end is known and have their images removed; how many objects went."""
        places = [*self.probed, *map(self.loop.location, self.ledger.ended())]
        self.progress.doing("Removing the photographs", len(places))
        removed = 0
        async with S3Versions(s3_settings(settings)) as versions:

            async def remove(place: Location) -> None:
                nonlocal removed
                gone = await versions.delete(place)
                removed += gone
                self.progress.took_back(removed)
                if self.loop.events is not None and place not in self.probed:
                    await self._withdraw(place)

            await gather_bounded(places, remove, at_once=REMOVED_AT_ONCE)
        await self.until_idle()
        return removed

    async def until_idle(self) -> None:
        """Until the workers have committed what they were told, or for as long as the patience goes."""
        clock = asyncio.get_running_loop().time
        until = clock() + self.request.patience
        while await self.lag.ask() and clock() < until:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(_EVERY / 2)

    def report(self, run: str) -> StressReport:
        """What it came to."""
        why = "; ".join(each for each in (self.cut_short, *self.loop.refusals[:3]) if each)
        return StressReport(
            run=run,
            announced_by="storage" if self.loop.events is None else "events",
            rate=self.request.rate,
            seconds=self.request.seconds,
            counts=self.ledger.counts(),
            latency=self.ledger.latency(),
            lateness=self.ledger.lateness(),
            per_second=self.ledger.drain_rate(self.published_at),
            lag_most=self.lag.most,
            lag_end=self.lag.last,
            cut_short=why,
        )

    def _is_over(self) -> bool:
        if self.meter is not None and self.meter.is_near:
            self.cut_short = self.meter.words
        return bool(self.cut_short)

    async def _tell(self) -> None:
        while True:
            with suppress(Unavailable):  # it is away: the photographs' own waits say so
                await self.lag.ask()
            state = StressState(self.ledger.counts(), self.ledger.lately, self.lag.last)
            self.progress.stands(state)
            await asyncio.sleep(_EVERY)

    async def _withdraw(self, place: Location) -> None:
        gone = {"location": place, "removed_at": datetime.now(UTC)}
        if isinstance(self.loop.events, UploadPublisher):
            await self.loop.events.publish(ImageRemoved.model_validate(gone))


def failures(report: StressReport, *, p95: float | None = None, lag: int | None = None) -> tuple[str, ...]:
    """What is not as it should be: anything lost, and the limits that were passed."""
    counts, found = report.counts, []
    for number, what in (
        (counts.unpublished, "could not be published"),
        (counts.dead_lettered, "are dead letters or parked: `tagstream dlq list` says why"),
        (counts.missing, "were published, and nothing was heard of them: does a worker run?"),
    ):
        if number:
            found.append(f"{number:,} photographs {what}")
    if p95 is not None and (report.latency.p95 is None or report.latency.p95 > p95):
        found.append(f"p95 is {_seconds(report.latency.p95)}; --p95-limit is {p95:g} s")
    if lag is not None and report.lag_most > lag:
        found.append(f"the lag was {report.lag_most:,}; --lag-limit is {lag:,}")
    if report.cut_short:
        found.append(report.cut_short)
    return tuple(found)


def _uncancelled() -> None:
    if task := asyncio.current_task():
        task.uncancel()


def _seconds(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.3f} s"


def _bucket(request: StressRequest, settings: Settings) -> str:
    allowed: Sequence[str] = settings.s3.buckets
    bucket = request.bucket or (allowed[0] if len(allowed) == 1 else None)
    if bucket is None:
        raise ConfigurationError(f"--bucket: say into which bucket; one of {', '.join(allowed) or 'none'}")
    if bucket not in allowed:
        raise ConfigurationError(
            f"bucket {bucket!r} is not in TAGSTREAM_S3__BUCKETS: no worker would read it"
        )
    return bucket


def _name() -> str:
    """Of a run: when, and a word that no other has."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
