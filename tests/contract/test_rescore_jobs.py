"""What every store does with re-score jobs: changed by compare-and-swap; a spoiled one hides no other."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from schemas.leases import Lease
from schemas.rescore_jobs import (
    FromUploads,
    LabelChange,
    RescoreCounts,
    RescoreFilters,
    RescoreJob,
    RescoreState,
    ScoreBand,
    SpoiledJob,
)
from streams.adapters.memory import MemoryScores
from streams.adapters.mongo.store import MongoScores
from streams.adapters.sqlite.store import SqliteScores

from .builders import EPOCH
from .stores import Place, Scores


def job(job_id: str = "replay-1", **said: Any) -> RescoreJob:
    facts = {"source": FromUploads(begin={0: 1}, end={0: 9, 1: 4}), "model_version": "2"} | said
    return RescoreJob(id=job_id, created_at=EPOCH, created_by="ann", updated_at=EPOCH, **facts)


def of_next(stored: RescoreJob, **changes: Any) -> RescoreJob:
    return stored.model_copy(update={"revision": stored.revision + 1, **changes})


async def test_a_store_without_jobs_has_none(scores: Scores) -> None:
    assert await scores.jobs() == ()
    assert await scores.job("replay-1") is None
    assert await scores.job_states(["replay-1"]) == {}
    assert not await scores.replace_job(job(), over=0)
    assert await scores.job("replay-1") is None


async def test_a_job_is_read_back_field_by_field(scores: Scores) -> None:
    whole = job(
        reason='"menus" get better: $5, 100 %',
        rate=2.5,
        filters=RescoreFilters(since=EPOCH, bands=(ScoreBand(label="menu", low=0.3, high=0.7),)),
        counts=RescoreCounts(chosen={"send": 3}, sent=3, rescored=2, changed=1, unfinished=1),
        labels={"a.b $c%": LabelChange(before=1, after=2, gained=1)},
        unfinished=("img_a",),
        lease=Lease(runner="host:1:a", until=EPOCH + timedelta(seconds=15)),
    )
    assert await scores.create_job(whole)
    assert await scores.job("replay-1") == whole
    assert await scores.jobs() == (whole,)


async def test_a_job_of_a_known_id_is_not_kept(scores: Scores) -> None:
    assert await scores.create_job(job(reason="first"))
    assert not await scores.create_job(job(reason="second"))
    assert (await scores.jobs())[0].reason == "first"  # type: ignore[union-attr]


async def test_of_two_jobs_of_one_id_at_once_one_is_kept(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        kept = await asyncio.gather(
            *((one, other)[number % 2].create_job(job(reason=f"{number}")) for number in range(8))
        )
        stored = await one.job("replay-1")
    assert sum(kept) == 1
    assert stored is not None
    assert stored.reason == f"{kept.index(True)}"


async def test_jobs_are_listed_by_their_ids(scores: Scores) -> None:
    for name in ("b", "a", "c"):
        await scores.create_job(job(name))
    assert [each.id for each in await scores.jobs()] == ["a", "b", "c"]


async def test_a_job_is_replaced_over_the_revision_that_was_read_and_over_no_other(scores: Scores) -> None:
    first = job()
    second, third = of_next(first, rate=7.0), of_next(first, rate=9.0)
    await scores.create_job(first)
    assert await scores.replace_job(second, over=0)
    assert not await scores.replace_job(third, over=0)
    assert await scores.job("replay-1") == second


async def test_of_many_that_change_a_job_at_once_one_wins_each_revision(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        await one.create_job(job())
        swaps = ((one, other)[n % 2].replace_job(of_next(job(), rate=n + 1.0), over=0) for n in range(10))
        won = await asyncio.gather(*swaps)
        stored = await other.job("replay-1")
    assert sum(won) == 1
    assert stored is not None
    assert stored.rate == won.index(True) + 1.0


async def test_the_states_of_the_jobs_that_are_known_are_told(scores: Scores) -> None:
    for state in RescoreState:
        await scores.create_job(job(f"job-{state}", state=state))
    asked = [f"job-{state}" for state in RescoreState]
    assert await scores.job_states([*asked, "nobody's"]) == dict(zip(asked, RescoreState, strict=True))


Edit = Callable[[str, dict[str, Any]], Any]


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
    scores.job_documents[name] = json.dumps(json.loads(scores.job_documents[name]) | said)


async def _edited_in_a_file(scores: SqliteScores, name: str, said: dict[str, Any]) -> None:
    def write(connection: sqlite3.Connection) -> None:
        find = "SELECT document FROM rescore_jobs WHERE id = ?"
        document = json.loads(connection.execute(find, (name,)).fetchone()[0]) | said
        connection.execute("UPDATE rescore_jobs SET document = ? WHERE id = ?", (json.dumps(document), name))

    await scores._writes.do(write)


async def _edited_in_mongo(scores: MongoScores, name: str, said: dict[str, Any]) -> None:
    async with scores._database() as database:
        await database.rescore_jobs.update_one({"_id": name}, {"$set": said})


async def test_a_document_edited_by_hand_is_told_with_its_field_and_hides_no_other(
    scores: Scores, edit: Edit
) -> None:
    for name in ("a", "b", "c"):
        await scores.create_job(job(name))
    await edit("b", {"rate": "fast"})
    first, spoiled, last = await scores.jobs()
    assert (first, last) == (job("a"), job("c"))
    assert isinstance(spoiled, SpoiledJob)
    assert (spoiled.id, spoiled.why.partition(":")[0]) == ("b", "rate")
    with pytest.raises(ConfigurationError, match=r"replay b: .*rate: Input should be a valid number"):
        await scores.job("b")
    assert not await scores.replace_job(job("b"), over=1)
    assert (await scores.job_states(["b"])) == {"b": RescoreState.RUNNING}


async def test_a_document_whose_state_is_none_counts_as_failed(scores: Scores, edit: Edit) -> None:
    await scores.create_job(job())
    await edit("replay-1", {"state": "runing"})
    assert await scores.job_states(["replay-1"]) == {"replay-1": RescoreState.FAILED}


async def test_what_a_person_changes_soundly_holds(scores: Scores, edit: Edit) -> None:
    await scores.create_job(job())
    await edit("replay-1", {"rate": 3, "a_later_release_s": "field"})
    assert await scores.job("replay-1") == job(rate=3.0)


async def test_jobs_outlive_the_store_that_was_closed(store_place: Place) -> None:
    async with store_place.store() as store:
        await store.create_job(job())
    async with store_place.store() as again:
        assert await again.job("replay-1") == job()
