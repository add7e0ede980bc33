"""What every store does with batch jobs: read back field by field, and changed by compare-and-swap."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.batch_jobs import (
    BatchChunk,
    BatchCounts,
    BatchCursor,
    BatchFormat,
    BatchInput,
    BatchJob,
    BatchOutput,
    BatchState,
    SpoiledBatch,
)
from schemas.errors import ConfigurationError
from schemas.leases import Lease
from schemas.tags import ModelRef
from streams.adapters.memory import MemoryScores
from streams.adapters.mongo.store import MongoScores
from streams.adapters.sqlite.store import SqliteScores

from .builders import EPOCH
from .stores import Place, Scores


def id_of(number: int) -> str:
    return f"bat_{number:026d}"


BATCH_ID: Final = id_of(1)


def batch_job(batch_id: str = BATCH_ID, **said: Any) -> BatchJob:
    facts: dict[str, Any] = {
        "input": BatchInput(
            bucket="lists", key="a.csv", format=BatchFormat.CSV, column="key", base="", etag="e1", size=4096
        ),
        "output": BatchOutput(bucket="results", prefix="a/", format=BatchFormat.CSV),
        "version": "v1",
        "model": ModelRef(name="restaurant", version="v1", digest="0a" * 32),
        "labels": ("menu", "terrace"),
    }
    facts |= {"created_at": EPOCH, "created_by": "ann", "updated_at": EPOCH}
    return BatchJob.model_validate({"id": batch_id} | facts | said)


def next_of(stored: BatchJob, **changes: Any) -> BatchJob:
    return stored.model_copy(update={"revision": stored.revision + 1, **changes})


def chunk(number: int, lease: Lease | None = None) -> BatchChunk:
    begin = number * 100
    return BatchChunk(
        number=number, begin=begin, end=begin + 100, first_row=number + 1, rows=1, tries=number, lease=lease
    )


WHOLE: Final = batch_job(
    state=BatchState.FAILED,
    why='the bucket "results" takes nothing: $5, 100 %, é',
    code="output.refused",
    request_sha256="0b" * 32,
    input=BatchInput(
        bucket="lists",
        key="2026/a b+é.csv",
        format=BatchFormat.CSV,
        column="photo.key",
        base="s3://photos/r1",
        etag="9b2cf535f27731c974343645a3985328-3",
        size=5 * 2**40,
        header=("photo.key", "$price", "100 %", ""),
        begin=3,
    ),
    output=BatchOutput(bucket="results", prefix="", format=BatchFormat.JSON_LINES, escapes_formulas=False),
    labels=("a.b $c%", "menu"),
    max_failed=0.125,
    cursor=BatchCursor(chunks=3, byte=300, rows=3, is_at_end=True),
    open=(
        chunk(1),
        chunk(2, Lease(runner="host 1/7.3 $", until=EPOCH + timedelta(seconds=30, microseconds=1))),
    ),
    counts=BatchCounts(
        chunks=1, rows=7, failed=3, bytes=5 * 2**40, errors={"a.b $c%": 1, "$where": 1, "gone": 1}
    ),
    going_since=EPOCH + timedelta(minutes=1),
    bytes_before=17,
    finished_at=EPOCH + timedelta(hours=1),
    updated_at=EPOCH + timedelta(hours=1),
)


async def test_a_store_without_batch_jobs_has_none(scores: Scores) -> None:
    assert await scores.batches() == ()
    assert await scores.batch(BATCH_ID) is None
    assert not await scores.replace_batch(batch_job(), over=0)


async def test_a_batch_job_is_read_back_field_by_field(scores: Scores) -> None:
    assert await scores.create_batch(WHOLE)
    assert await scores.batch(BATCH_ID) == WHOLE
    assert await scores.batches() == (WHOLE,)


def test_that_job_has_another_value_than_the_usual_one_in_every_field() -> None:
    usual = {
        name for name, field in BatchJob.model_fields.items() if getattr(WHOLE, name) == field.get_default()
    }
    assert usual == {"schema_version", "revision"}


async def test_a_batch_job_of_a_known_id_is_not_kept(scores: Scores) -> None:
    assert await scores.create_batch(batch_job(created_by="first"))
    assert not await scores.create_batch(batch_job(created_by="second"))
    assert await scores.batch(BATCH_ID) == batch_job(created_by="first")


async def test_of_many_who_make_a_batch_job_of_one_id_one_has_made_it(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        made = [batch_job(created_by=f"person {number}") for number in range(10)]
        won = await asyncio.gather(*((one, other)[n % 2].create_batch(each) for n, each in enumerate(made)))
        stored = await other.batch(BATCH_ID)
    assert sum(won) == 1
    assert stored == made[won.index(True)]


async def test_a_job_that_somebody_has_changed_meanwhile_is_not_replaced(scores: Scores) -> None:
    changed = next_of(batch_job(), open=(chunk(0),))
    await scores.create_batch(batch_job())
    assert await scores.replace_batch(changed, over=0)
    assert not await scores.replace_batch(next_of(batch_job(), open=()), over=0)
    assert not await scores.replace_batch(next_of(changed), over=2)
    assert await scores.batch(BATCH_ID) == changed


async def test_of_changes_to_one_revision_at_once_one_holds(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        await one.create_batch(batch_job())
        leases = [Lease(runner=f"runner {number}", until=EPOCH) for number in range(10)]
        changed = [next_of(batch_job(), open=(chunk(0, lease),)) for lease in leases]
        swaps = ((one, other)[n % 2].replace_batch(each, over=0) for n, each in enumerate(changed))
        won = await asyncio.gather(*swaps)
        stored = await other.batch(BATCH_ID)
    assert sum(won) == 1
    assert stored == changed[won.index(True)]


async def test_of_many_changes_at_once_none_is_lost(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        assert await one.create_batch(batch_job())

        async def count(store: Scores) -> None:
            while True:
                stored = await store.batch(BATCH_ID)
                assert stored is not None
                more = next_of(stored, counts=BatchCounts(rows=stored.counts.rows + 1))
                if await store.replace_batch(more, over=stored.revision):
                    return

        await asyncio.gather(*(count((one, other)[number % 2]) for number in range(8)))
        assert await one.batch(BATCH_ID) == batch_job(counts=BatchCounts(rows=8), revision=8)


async def test_a_batch_job_that_has_finished_stays_in_the_list_which_is_by_id(scores: Scores) -> None:
    for number in (3, 1, 2):
        assert await scores.create_batch(batch_job(id_of(number)))
    finished = next_of(batch_job(id_of(2)), state=BatchState.FINISHED, finished_at=EPOCH)
    assert await scores.replace_batch(finished, over=0)
    assert await scores.batches() == (batch_job(id_of(1)), finished, batch_job(id_of(3)))


Edit = Callable[[str, dict[str, Any]], Awaitable[None]]


@pytest.fixture
async def edit(scores: Scores) -> AsyncIterator[Edit]:
    """Changes fields of a job's document as a person would, past every check."""
    if isinstance(scores, MemoryScores):
        yield lambda name, said: _edited_in_memory(scores, name, said)
    elif isinstance(scores, SqliteScores):
        yield lambda name, said: _edited_in_a_file(scores, name, said)
    else:
        yield lambda name, said: _edited_in_mongo(scores, name, said)


async def _edited_in_memory(scores: MemoryScores, name: str, said: dict[str, Any]) -> None:
    scores.batch_documents[name] = json.dumps(json.loads(scores.batch_documents[name]) | said)


async def _edited_in_a_file(scores: SqliteScores, name: str, said: dict[str, Any]) -> None:
    def write(connection: sqlite3.Connection) -> None:
        find = "SELECT document FROM batch_jobs WHERE id = ?"
        document = json.loads(connection.execute(find, (name,)).fetchone()[0]) | said
        connection.execute("UPDATE batch_jobs SET document = ? WHERE id = ?", (json.dumps(document), name))

    await scores._writes.do(write)


async def _edited_in_mongo(scores: MongoScores, name: str, said: dict[str, Any]) -> None:
    async with scores._database() as database:
        await database.batch_jobs.update_one({"_id": name}, {"$set": said})


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("state", "going"),
        ("open", [{"number": -1}]),
        ("cursor", "at its end"),
        ("max_failed", 1.5),
        ("version", None),
        ("updated_at", "today"),
        ("id", "bat_2"),
    ],
)
async def test_a_document_edited_by_hand_is_told_with_its_field_and_hides_no_other(
    scores: Scores, edit: Edit, *, field: str, said: Any
) -> None:
    for number in (1, 2, 3):
        await scores.create_batch(batch_job(id_of(number)))
    await edit(id_of(2), {field: said})
    first, spoiled, last = await scores.batches()
    assert (first, last) == (batch_job(id_of(1)), batch_job(id_of(3)))
    assert isinstance(spoiled, SpoiledBatch)
    assert (spoiled.id, spoiled.why.partition(":")[0].partition(".")[0]) == (id_of(2), field)
    with pytest.raises(ConfigurationError, match=rf"batch {id_of(2)}: .*\(batch_jobs\).*{field}"):
        await scores.batch(id_of(2))
    assert not await scores.replace_batch(batch_job(id_of(2)), over=1)


async def test_what_a_person_changes_soundly_holds(scores: Scores, edit: Edit) -> None:
    await scores.create_batch(batch_job())
    await edit(BATCH_ID, {"state": "cancelled"})
    assert await scores.batch(BATCH_ID) == batch_job(state=BatchState.CANCELLED)
