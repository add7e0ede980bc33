"""Demo run, in order: services, uploads, a worker, the drill, everything done, evidence, account."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from model.manifest import Manifest
from schemas.errors import Broken
from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tagstream.demo import drill, result, stages
from tagstream.demo.accounting import TOPICS, RunEvidence, account
from tagstream.demo.console_reporter import ConsoleReporter
from tagstream.demo.drill import Strike
from tagstream.demo.embedded_services import EmbeddedServices, open_embedded_services
from tagstream.demo.photos import Photo
from tagstream.demo.result import Result, Timing
from tagstream.demo.workers import Worker, Workers, environment
from tagstream.embedded_stack import free_port

LIMIT_SECONDS: Final = 300.0
"""For everything, and `LIMIT_SECONDS_EACH` more for each photograph; generous on a slow machine."""

LIMIT_SECONDS_EACH: Final = 3.0

_BATCH: Final = "BATCH__MAX_SIZE"
_POLL: Final = 0.2


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What is to be done."""

    choose: Callable[[Path], Sequence[Photo]]
    """The photographs, given a temporary folder to make some in."""
    is_drill: bool
    manifest: Manifest
    """Of the model that the workers will load."""


async def run(asked: DemoOptions, narrator: ConsoleReporter) -> Result:
    """Do it all; raises `Broken` when a worker dies on its own or the time is over."""
    limit = LIMIT_SECONDS
    try:
        async with asyncio.timeout(limit) as deadline, open_embedded_services() as house:
            photos = asked.choose(house.folder)
            limit += LIMIT_SECONDS_EACH * len(photos)
            deadline.reschedule(asyncio.get_running_loop().time() + limit)
            narrator.say(f"Broker at {house.stack.broker}, S3 at {house.stack.s3}, store in SQLite")
            with Workers(house.folder, environment(house.settings)) as crew:
                return await _Play(house, crew, photos=photos, narrator=narrator).play(asked)
    except TimeoutError as error:
        raise Broken(f"not done within {limit:.0f} s; nothing is claimed about this run") from error


class _Play:
    """One run, in an open house and with its crew."""

    def __init__(
        self, house: EmbeddedServices, crew: Workers, *, photos: Sequence[Photo], narrator: ConsoleReporter
    ) -> None:
        self._house = house
        self._crew = crew
        self._photos = photos
        self._narrator = narrator
        self._scraper = stages.Scraper()
        self._began = time.time()

    async def play(self, asked: DemoOptions) -> Result:
        """Upload, work, be killed, work on, stop, count."""
        await self._upload()
        async with _beside(self._scraper.run, self._show_progress):
            strike = await self._drill() if asked.is_drill else None
            if strike or not asked.is_drill:
                self._hire(**(_small_batches() if asked.is_drill else {}))
            await self._until_done()
            await self._scraper.scrape()
        await self._stop()
        return await self._result(asked, strike)

    async def _upload(self) -> None:
        self._narrator.doing("Uploading", total=len(self._photos))
        uploads, complaints = await self._house.upload(self._photos)
        for complaint in complaints:
            self._narrator.say(complaint, style="yellow")
        await self._house.publish(uploads)
        self._narrator.say(f"{len(uploads)} upload events published, their photographs in S3")

    def _hire(self, **settings: object) -> Worker:
        port = free_port()
        # The photograph that is missing here does not come later.
        worker = self._crew.start(METRICS__PORT=port, DEFERRAL__GONE=0, **settings)
        self._scraper.watch(port)
        self._narrator.say(f"Worker {worker.number} starts (process {worker.process.pid})")
        return worker

    async def _drill(self) -> Strike | None:
        images = await drill.places(self._house.stack.broker)
        victim = self._hire(WINDOW__CONCURRENCY=drill.CONCURRENCY, **_small_batches())
        aim = drill.Aim(victim, images, is_rejected=self._crew.rejected)
        strike = await drill.strike(aim, self._house.scores)
        if strike is None:
            line = "Drill: the worker was done before a moment came to kill it"
        else:
            line = (
                f"Drill: kill -9 of worker {strike.worker}: {strike.done} done, {len(strike.in_work)} in work"
            )
        self._narrator.say(line, style="bold red")
        return strike

    async def _until_done(self) -> None:
        while await self._ended() < len(self._photos):
            self._crew.assert_alive()
            await asyncio.sleep(_POLL)

    async def _ended(self) -> int:
        return len(await drill.announced(self._house.scores) | self._crew.rejected())

    async def _show_progress(self) -> None:
        while True:
            for worker in self._crew.workers[-1:]:
                does = "tags" if worker.starts() else "loads the model"
                self._narrator.doing(f"Worker {worker.number} {does}", total=len(self._photos))
            self._narrator.done(await self._ended())
            await asyncio.sleep(_POLL)

    async def _stop(self) -> None:
        """Let the worker drain and commit: only then the topics hold all that it said."""
        self._narrator.doing("Reading everything back")
        last = self._crew.workers[-1]
        last.assert_alive()
        if code := await asyncio.to_thread(last.stop):
            raise Broken(
                f"worker {last.number} exited with {code} on SIGTERM; its log ends:\n{last.last_words()}"
            )

    async def _result(self, asked: DemoOptions, strike: Strike | None) -> Result:
        found = await _evidence(self._house.stack.broker, self._house.scores)
        records = [record for history in found.records.values() for record in history]
        pace = Timing(
            began=datetime.fromtimestamp(self._began, UTC),
            total_seconds=time.time() - self._began,
            working_seconds=result.working_seconds(self._crew, records),
            stages=stages.mean_seconds(records, self._scraper.totals.values()),
        )
        return Result(
            account=account(self._photos, found),
            manifest=asked.manifest,
            is_drill=asked.is_drill,
            strike=strike,
            deliveries=result.deliveries(self._crew),
            pace=pace,
        )


async def _evidence(bootstrap: str, scores: SqliteScores) -> RunEvidence:
    """The topics read back as a consumer would, and the store; nothing must be running any more."""
    heads = {head.image_id: head async for head in every_head(scores)}
    histories = await asyncio.gather(*(scores.records(image_id) for image_id in heads))
    messages = {topic: await read_all(bootstrap, topic) for topic in TOPICS}
    return RunEvidence(heads, dict(zip(heads, histories, strict=True)), messages)


def _small_batches() -> dict[str, str]:
    """Batches for a few samples, which warm up sooner, unless the user has said another size."""
    return {_BATCH: os.environ.get(f"TAGSTREAM_{_BATCH}", "8")}


@asynccontextmanager
async def _beside(*loops: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run endless `loops` beside the block; an error of theirs is raised when the block is done."""
    tasks = [asyncio.create_task(loop()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
