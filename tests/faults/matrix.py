"""A row of the crash matrix: some photographs, workers that are struck, and what must be left in the end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from agents.testing import LABELS
from deploy.stack.stack import BUCKET, Stack
from schemas.uploads import ImageUploaded
from tests.e2e.accounts import Auditor, committed, outcome
from tests.e2e.fleet import Fleet, Worker
from tests.e2e.traffic import START, Planned, Sent, publish
from tests.faults.boundaries import Act, Boundary
from tests.faults.oracle import messages_of, only, unfaulted
from tests.faults.storing import put_all
from tests.real.premises import Premises, renewed

WITHIN = 60.0
PHOTOGRAPHS = 12
SESSION = 2.0
"""Seconds after which a silent worker is given up: short, since every kill waits for it."""

SETTINGS = {
    "TAGSTREAM_KAFKA__SESSION_TIMEOUT": str(SESSION),
    "TAGSTREAM_KAFKA__DRAIN_LIMIT": "1",
    "TAGSTREAM_KAFKA__COMMIT_INTERVAL": "0.1",
    "TAGSTREAM_WINDOW__CONCURRENCY": "4",
}


@dataclass
class Row:
    """One row: its photographs are its own, the topics and the group are those of all rows."""

    name: str
    premises: Premises
    fleet: Fleet
    photographs: dict[str, bytes]
    planned: list[Planned] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    @property
    def auditor(self) -> Auditor:
        """Sees whether an offset was committed past an unfinished message."""
        return Auditor(self.premises.bootstrap, self.premises.store, self.sent)

    async def publish(self) -> None:
        """An upload of each photograph, some of them twice, and two that can never succeed."""
        uploads = [self.upload(key, minute) for minute, key in enumerate(self.photographs)]
        missing = self.upload(f"{self.name}/missing.jpg", 0)
        garbage: Planned = (self.name.encode(), b'{"location": 5', None, True)
        planned = [planned_for(upload) for upload in uploads]
        planned[5:5] = [planned_for(missing, is_bad=True), planned[0]]
        planned[9:9] = [garbage, planned[3]]
        await self.send(planned)

    async def publish_again(self) -> None:
        """The first upload once more: whatever was committed, there is something to commit."""
        await self.send(self.planned[:1])

    async def send(self, planned: list[Planned]) -> None:
        self.planned += planned
        self.sent += await publish(self.premises.bootstrap, planned)

    def upload(self, key: str, minute: int) -> ImageUploaded:
        return ImageUploaded.model_validate(
            {
                "location": {"bucket": BUCKET, "key": key},
                "uploaded_at": START + timedelta(minutes=minute),
                "event_id": f"{key}@{minute}",
                "restaurant_id": "r1",
            }
        )

    def start(self) -> Worker:
        """A worker that nobody strikes."""
        return self.fleet.start()

    def start_struck(self, boundary: Boundary, act: Act, passage: int) -> Worker:
        """A worker that is struck at the given passage of the boundary."""
        return self.fleet.start(FAULT_BOUNDARY=boundary, FAULT_ACT=act, FAULT_PASSAGE=str(passage))

    async def until_done(self) -> None:
        """Until everything is committed, and nothing unfinished is."""
        async with asyncio.timeout(WITHIN):
            while not await self._is_committed():
                await asyncio.sleep(0.5)
        await self.auditor.audit()

    async def _is_committed(self) -> bool:
        offsets = await committed(self.premises.bootstrap)
        return all(sent.offset < offsets[sent.partition] for sent in self.sent)

    async def assert_unfaulted(self) -> None:
        """What is left equals, field by field and id by id, what a run without faults leaves."""
        expected = await unfaulted(messages_of(self.planned, self.sent), self.photographs)
        places = {(sent.partition, sent.offset) for sent in self.sent}
        found = await outcome(self.premises.bootstrap, self.premises.store)
        assert only(found, expected.heads, places) == only(expected, expected.heads, places)
        assert len(expected.heads) == len(self.photographs)
        assert {code for *_, code in expected.letters} == {"gone", "malformed"}

    async def stop(self, *workers: Worker) -> None:
        """Each exits 0 by itself, once it is there to be asked."""
        await until(lambda: all(worker.events("partitions.revoked") for worker in workers))
        codes = [await asyncio.to_thread(worker.stop, WITHIN) for worker in workers]
        assert set(codes) <= {0}, codes


def planned_for(upload: ImageUploaded, *, is_bad: bool = False) -> Planned:
    return upload.image_id.encode(), upload.model_dump_json().encode(), upload, is_bad


def struck(worker: Worker) -> bool:
    """Whether the fault has happened."""
    return bool(worker.events("fault.struck"))


async def until(happened: Callable[[], bool], within: float = WITHIN) -> None:
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.05)


def photographs(row: str) -> dict[str, bytes]:
    """A row's photographs, each with something that is routed: so every one has three announcements."""
    found: dict[str, bytes] = {}
    number = 0
    while len(found) < PHOTOGRAPHS:
        number += 1
        data = f"{row} {number}".encode()
        if _is_routed(data):
            found[f"{row}/{number}.jpg"] = data
    return found


def _is_routed(data: bytes) -> bool:
    """Whether the fake tagger sees one thing that has a route, and nothing else that has."""
    digest = hashlib.sha256(data + b"1").digest()
    seen = {label for place, label in enumerate(LABELS) if digest[place] / 255 >= 0.7}
    return len(seen - {"food"}) == 1


@asynccontextmanager
async def rows(stack: Stack, names: Iterable[str], folder: Path) -> AsyncIterator[dict[str, Row]]:
    """All rows of a matrix: the photographs are there, their own notifications are not."""
    settings = {name: value for name, value in stack.settings.items() if name.startswith("TAGSTREAM_S3")}
    pictures = {name: photographs(name) for name in names}
    await put_all(stack, {key: data for each in pictures.values() for key, data in each.items()})
    premises = await renewed(stack)
    made: dict[str, Row] = {}
    async with AsyncExitStack() as ended:
        for name, found in pictures.items():
            place = folder / name.replace(" ", "-").replace("/", "-")
            place.mkdir()
            environment = {**premises.settings, **settings, **SETTINGS}
            fleet = Fleet(premises.bootstrap, place, environment, program="tests.faults.worker")
            ended.callback(fleet.end)
            made[name] = Row(name, premises, fleet, found)
        yield made
