"""Parts of a batch job's results: one object a chunk, put once, which says itself what it has.

Counts and digest travel as the object's metadata: whoever finds a part that a killed server has left counts
it without reading it, and the manifest lists all of them without their bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from operations.batch_chunks import ChunkOutcome
from schemas.batch_jobs import BatchChunk, BatchJob
from schemas.errors import TagstreamError
from schemas.uploads import Location
from streams.ports import ObjectFacts, ObjectFiles

_BATCH: Final = "tagstream-batch"
_ROWS: Final = "tagstream-rows"
_FAILED: Final = "tagstream-failed"
_ERRORS: Final = "tagstream-errors"
_SHA256: Final = "tagstream-sha256"

_TOGETHER: Final = 16
"""Parts that are asked for at once."""


class ForeignPart(TagstreamError):
    """What stands where a part shall be is not this job's, or is gone."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One part, as its metadata has it."""

    key: str
    rows: int
    outcome: ChunkOutcome
    sha256: str
    size: int

    def document(self) -> dict[str, Any]:
        """As the manifest lists it."""
        counts = {"rows": self.rows, "failed": self.outcome.failed}
        return {"key": self.key, **counts, "bytes": self.size, "sha256": self.sha256}


async def find(files: ObjectFiles, job: BatchJob, number: int) -> PartFacts | None:
    """The part of that number; None where nothing stands there. Raises `ForeignPart`, `Unavailable`."""
    location = where(job, number)
    facts = await files.facts(location)
    if facts is None:
        return None
    if facts.metadata.get(_BATCH) != job.id:
        raise ForeignPart(f"{location} is none of this batch's: somebody else has put it")
    try:
        return _read(location.key, facts)
    except (KeyError, ValueError, TypeError) as error:
        raise ForeignPart(f"{location} does not say what is in it: {error}") from error


async def keep(
    files: ObjectFiles, job: BatchJob, chunk: BatchChunk, data: bytes, outcome: ChunkOutcome
) -> ChunkOutcome:
    """Put the part; what is in the one that stands there. Raises `ForeignPart`, `Unavailable`."""
    said = {
        _BATCH: job.id,
        _ROWS: str(chunk.rows),
        _FAILED: str(outcome.failed),
        _ERRORS: json.dumps(dict(outcome.errors)),
        _SHA256: hashlib.sha256(data).hexdigest(),
    }
    if await files.put_new(where(job, chunk.number), data, metadata=said):
        return outcome
    standing = await find(files, job, chunk.number)  # of a server that was thought dead, or of a lost answer
    if standing is None:
        raise ForeignPart(f"{where(job, chunk.number)} comes and goes")
    return standing.outcome


async def manifest(files: ObjectFiles, job: BatchJob, *, now: datetime) -> Mapping[str, Any]:
    """The document that says that all is there. Raises `ForeignPart`, `Unavailable`."""
    slots = asyncio.Semaphore(_TOGETHER)

    async def one(number: int) -> PartFacts:
        async with slots:
            part = await find(files, job, number)
        if part is None:
            raise ForeignPart(f"{where(job, number)} is gone: somebody has deleted it")
        return part

    parts = await asyncio.gather(*(one(number) for number in range(job.cursor.chunks)))
    return {
        "batch": job.id,
        "input": {"location": str(job.input), "etag": job.input.etag, "format": job.input.format.value},
        "format": job.output.format.value,
        "model": job.model.model_dump(mode="json") if job.model else {"version": job.version},
        "labels": list(job.labels),
        "rows": job.counts.rows,
        "failed": job.counts.failed,
        "errors": dict(job.counts.errors),
        "parts": [part.document() for part in parts],
        "created_at": job.created_at.isoformat(),
        "finished_at": now.isoformat(),
    }


async def keep_manifest(files: ObjectFiles, job: BatchJob, *, now: datetime) -> None:
    """Put the manifest, unless it is there. Raises `ForeignPart`, `Unavailable`."""
    document = await manifest(files, job, now=now)
    data = f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()
    location = Location(bucket=job.output.bucket, key=job.output.manifest)
    if await files.put_new(location, data, metadata={_BATCH: job.id}):
        return
    standing = await files.facts(location)
    if standing is None or standing.metadata.get(_BATCH) != job.id:
        raise ForeignPart(f"{location} is none of this batch's: somebody else has put it")


def where(job: BatchJob, number: int) -> Location:
    """The address of the part of that number."""
    return Location(bucket=job.output.bucket, key=job.output.part(number))


def _read(key: str, facts: ObjectFacts) -> PartFacts:
    said = facts.metadata
    errors = {str(code): int(count) for code, count in json.loads(said[_ERRORS]).items()}
    outcome = ChunkOutcome(int(said[_FAILED]), errors)
    return PartFacts(key, int(said[_ROWS]), outcome, said[_SHA256], facts.size)
