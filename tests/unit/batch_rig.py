"""Batch jobs in memory: a bucket with a list and photographs, a fake tagger, and servers."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from agents.testing import FakeTagger
from operations import batch_jobs, batch_start
from operations.batch_chunks import ChunkOutcome
from operations.batch_runner import BatchRunner, BatchWorld
from operations.batch_scoring import BatchTagger, RowScorer
from operations.batch_start import BatchRequest, StartedBatch
from schemas.batch_jobs import BatchJob
from schemas.leases import Lease
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores
from streams.clock import Clock
from streams.ports import ImageStore, ObjectFiles
from streams.resilience.retry import Backoff, Dependencies

BUCKET: Final = "photos"
LIST: Final = "jobs/nov.csv"
RESULTS: Final = "jobs/nov"


@dataclass
class OneVersion:
    """The one version of a tagger, which may be away."""

    tagger: BatchTagger
    is_loaded: bool = True
    why: str | None = None

    def is_resident(self, version: str) -> bool:
        """Unless it is away."""
        return self.is_loaded and version == self.tagger.model.version

    def missing(self) -> dict[str, str]:
        """Why it is away, if somebody has said."""
        return {} if self.why is None else {self.tagger.model.version: self.why}

    @contextmanager
    def pinned(self, version: str) -> Iterator[BatchTagger | None]:
        """See `BatchVersions.pinned`."""
        yield self.tagger if self.is_resident(version) else None


class CountedRows(Counter[str]):
    """Rows by what became of them, as a server's metrics have them."""

    def counted(self, outcome: ChunkOutcome, rows: int) -> None:
        """A chunk was counted."""
        self.update({"ok": rows - outcome.failed, **outcome.errors})


@dataclass
class BatchRig:
    """What stands around the servers; a test changes it before they work."""

    tagger: FakeTagger = field(default_factory=FakeTagger)
    store: MemoryScores = field(default_factory=MemoryScores)
    objects: MemoryImages = field(default_factory=lambda: MemoryImages(Limits(buckets=(BUCKET,))))
    slots: int = 4
    is_quiet: bool = True

    def __post_init__(self) -> None:
        self.versions = OneVersion(self.tagger)
        self.dependencies = Dependencies(Backoff(first=0.001, longest=0.001))
        self.metrics = CountedRows()
        self.images: ImageStore = self.objects
        self.files: ObjectFiles = self.objects

    async def put(self, key: str, data: bytes) -> None:
        """An object of the bucket."""
        await self.objects.put(Location(bucket=BUCKET, key=key), data)

    async def list_of(self, *images: str, key: str = LIST, are_there: bool = True) -> None:
        """A list with these photographs, which stand in the bucket, too."""
        await self.put(key, "".join(f"{image}\r\n" for image in ("image", *images)).encode())
        for image in images if are_there else ():
            await self.put(image, f"photograph {image}".encode())

    async def started(self, *, key: str | None = None, **said: Any) -> StartedBatch:
        """The job that asks for the list, but for what is said."""
        facts: dict[str, Any] = {
            "source": Location(bucket=BUCKET, key=LIST),
            "results": Location(bucket=BUCKET, key=RESULTS),
            "version": self.tagger.model.version,
            "created_by": "ann",
        }
        return await batch_start.start(
            self.store, self.files, BatchRequest(**facts | said), idempotency_key=key
        )

    async def start(self, **said: Any) -> BatchJob:
        """The same, where only the job is of interest."""
        return (await self.started(**said)).job

    def server(self, name: str = "one", *, clock: Clock | None = None) -> BatchRunner:
        """Another server that works at the jobs."""
        rows = RowScorer(self.images, self.dependencies.of("s3"), self.slots, lambda: self.is_quiet)
        world = BatchWorld(
            self.store, self.files, self.versions, rows, self.dependencies, self.metrics.counted
        )
        return BatchRunner(world, name, clock=clock)

    async def work(self, server: BatchRunner | None = None) -> None:
        """Until there is nothing more to do."""
        at_work = server or self.server()
        while await at_work.step():
            pass

    async def job(self, job: BatchJob) -> BatchJob:
        """As it stands now."""
        return await batch_jobs.known(self.store, job.id)

    async def leave(self, job: BatchJob, *, until: Any) -> None:
        """Make the leases of the job's chunks end then: their servers were killed."""

        def left(each: BatchJob) -> BatchJob:
            chunks = tuple(
                chunk.model_copy(update={"lease": Lease(runner="killed", until=until)}) for chunk in each.open
            )
            return each.model_copy(update={"open": chunks})

        await batch_jobs.swap(self.store, job.id, left)

    def bytes_of(self, key: str) -> bytes:
        """The object below the prefix of the results."""
        return self.objects.objects[BUCKET, f"{RESULTS}/{key}"]

    def parts(self) -> list[str]:
        """The keys of all parts, in their order."""
        found = sorted(key for bucket, key in self.objects.objects if bucket == BUCKET)
        return [key for key in found if key.startswith(f"{RESULTS}/part-")]

    def rows(self) -> list[dict[str, str]]:
        """The rows of all parts, in their order."""
        return [
            row
            for key in self.parts()
            for row in csv.DictReader(io.StringIO(self.objects.objects[BUCKET, key].decode(), newline=""))
        ]

    def manifest(self) -> dict[str, Any]:
        """The manifest, which has to be there."""
        found: dict[str, Any] = json.loads(self.bytes_of("manifest.json"))
        return found
