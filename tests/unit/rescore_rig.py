"""A lane, workers and an uploads topic in memory, over which jobs are run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from operations import rescore_jobs
from operations.rescore_lease import HeldJob, take
from operations.rescore_runner import RescoreRunner
from operations.rescore_sources import ImageSource, StoreSource
from operations.rescore_uploads import UploadsSource
from schemas import topics, wire
from schemas.errors import Unavailable
from schemas.events import RescoreRequested
from schemas.rescore_jobs import FromStore, FromUploads, RescoreJob
from schemas.uploads import ImageUploaded
from streams.message import Message

from .straight_path import SpokenTagger, World, message_of

T = TypeVar("T")
PAGE = 4


class Log:
    """An uploads topic of one partition, by what was published to it."""

    def __init__(self, *messages: Message, first: int = 0) -> None:
        self.messages = messages
        self.first = first

    async def oldest(self) -> dict[int, int]:
        return await self.beginnings()

    async def beginnings(self) -> dict[int, int]:
        return {3: self.first}

    async def ends(self) -> dict[int, int]:
        return {3: len(self.messages)}

    async def offsets_for(self, moment: datetime) -> dict[int, int]:
        return {3: 1 if moment.year > 2000 else 0}

    async def read(self, start: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[Message]:
        for message in self.messages[start[3] : until[3]]:
            yield message


class FakeClock:
    """Time that goes by as fast as it is slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Callable[[], Awaitable[None]] | None = None

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.on_sleep:
            await self.on_sleep()
        await asyncio.sleep(0)


class WorkedLane:
    """The rescore topic, and a worker that comes to it each time that somebody looks how far it is."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.messages: list[RescoreRequested] = []
        self.committed = 0
        self.is_manned = True
        self.looks = 0
        self.at_once = 1_000
        """Requests that the worker does when somebody looks."""
        self.every = 1
        """Looks of which one finds it at work."""
        self.on_publish: Callable[[], None] = lambda: None
        self._worker = asyncio.Lock()

    async def publish(self, *events: RescoreRequested) -> None:
        self.on_publish()
        self.messages.extend(events)

    async def ends(self) -> dict[int, int]:
        return {0: len(self.messages)}

    async def left(self, until: Mapping[int, int] | None = None) -> int:
        self.looks += 1
        if self.is_manned and self.looks % self.every == 0:
            async with self._worker:
                await self._work()
        return max(0, (until or {0: len(self.messages)})[0] - self.committed)

    async def _work(self) -> None:
        desk = self.world.desk()
        for event in self.messages[self.committed : self.committed + self.at_once]:
            task = desk.handle(Message(topics.RESCORE, 0, self.committed, key=None, value=wire.encode(event)))
            for _ in range(20):  # what it asks the store meanwhile comes back
                if task.is_ready():
                    break
                await asyncio.sleep(0)
            else:
                return
            await task.work()
            self.committed += 1

    @property
    def images(self) -> list[str]:
        return [event.image_id for event in self.messages]


class Rig:
    """A world that was tagged by version 1, and jobs that want version 2."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.world.now = datetime.now(UTC)  # a request says when it was made
        self.lane = WorkedLane(self.world)
        self.clock = FakeClock()
        self.folder = folder
        self.seen: list[RescoreJob] = []
        self.messages: list[Message] = []
        self.sources = 0

    async def tagged(self, *uploads: ImageUploaded, seen: str = "menu=0.9") -> None:
        for upload in uploads:
            await self.world.put(upload, seen)
            self.publish(upload)
            await self.world.deliver(self.messages[-1])

    def publish(self, upload: ImageUploaded) -> None:
        self.messages.append(message_of(upload, offset=len(self.messages)))

    def serve(self, version: str) -> None:
        """From now on the workers have this version."""
        self.world.tagger = SpokenTagger(self.world.faults, version=version)

    async def started(self, **said: Any) -> RescoreJob:
        now = datetime.now(UTC)
        facts = {"id": "job-2", "source": FromStore(), "model_version": "2", "created_by": "ann"} | said
        job = RescoreJob(created_at=now, updated_at=now, **facts)
        return await rescore_jobs.create(self.world.scores, job)

    def uploads(self, asked: FromUploads | None = None, **said: Any) -> UploadsSource:
        self.sources += 1
        whole = FromUploads(begin={3: 0}, end={3: len(self.messages)})
        return UploadsSource(
            Log(*self.messages), asked or whole, self.folder / f"{self.sources}.sqlite", **said
        )

    async def held(self, runner: str = "host:1:a", *, job_id: str = "job-2") -> HeldJob:
        return await take(
            self.world.scores, job_id, runner, outlast=self.outlast, change=rescore_jobs.resumed
        )

    def runner(self, held: HeldJob, source: ImageSource | None = None) -> RescoreRunner:
        return RescoreRunner(
            held,
            source or StoreSource(self.world.scores),
            self.world.scores,
            self.lane,
            self.lane,
            outlast=self.outlast,
            watch=self.seen.append,
            rules=self.world.tagger,
            clock=self.clock,
            page=PAGE,
        )

    async def run(self, *, source: ImageSource | None = None, runner: str = "host:1:a") -> RescoreJob:
        """Take the job of the rig and run it to where it ends."""
        held = await self.held(runner)
        return await self.runner(held, source).run()

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0)

    async def job(self) -> RescoreJob:
        found = await self.world.scores.job("job-2")
        assert found is not None
        return found

    async def versions(self, *uploads: ImageUploaded) -> list[list[str]]:
        """Whose scores the history has of each image."""
        found = [await self.world.scores.records(each.image_id) for each in uploads]
        return [[record.scores.model.version for record in records] for records in found]
