"""Errors of a batch job, row by row, a page at a time, out of its parts: nothing is kept twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from operations import batch_parts, batch_results
from operations.batch_results import RowError
from schemas.batch_jobs import BatchJob
from streams.ports import ObjectFiles

MOST_PARTS: Final = 200
"""That one page looks at; it may have fewer rows for it, or none, and there is more behind it."""

LARGEST_PART: Final = 2**28
"""Bytes: a thousand rows of 64 KiB, and what we add to them."""


@dataclass(frozen=True, slots=True, order=True)
class ErrorsPlace:
    """Behind which a page begins."""

    part: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class ErrorsPage:
    """Some rows with an error, in the order of the list."""

    rows: tuple[RowError, ...]
    behind: ErrorsPlace | None
    """Where the next page begins; None where there is none, of what is done so far."""


async def page(
    files: ObjectFiles, job: BatchJob, *, after: ErrorsPlace = ErrorsPlace(), limit: int
) -> ErrorsPage:
    """Up to `limit` rows behind that place. Raises `ForeignPart`, `UnreadableList`, `Unavailable`."""
    if not job.counts.failed:
        return ErrorsPage((), None)
    open_now = {chunk.number for chunk in job.open}
    last = min(job.cursor.chunks, after.part + MOST_PARTS)
    found: list[RowError] = []
    for number in range(after.part, last):
        if number in open_now:
            continue
        found += [each for each in await _errors(files, job, number) if each.row > after.row]
        if len(found) > limit:
            return ErrorsPage(tuple(found[:limit]), ErrorsPlace(number, found[limit - 1].row))
    more = ErrorsPlace(last, 0) if last < job.cursor.chunks else None
    return ErrorsPage(tuple(found), more)


async def _errors(files: ObjectFiles, job: BatchJob, number: int) -> tuple[RowError, ...]:
    part = await batch_parts.find(files, job, number)
    if part is None or not part.outcome.failed:
        return ()
    data = await files.read(batch_parts.where(job, number), begin=0, end=LARGEST_PART)
    return await asyncio.to_thread(batch_results.errors_in, data, job, number=number)
