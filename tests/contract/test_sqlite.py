"""What the SQLite store adds to the contract: one file, several workers, and disks that fail."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError, Unavailable
from schemas.records import Kept, Stale
from streams.adapters import sqlite
from streams.adapters.sqlite import SqliteScores

from .builders import announced, head, position, record

KEEP_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from streams.adapters.sqlite import SqliteScores
from schemas.records import ImageHead, ScoreRecord

async def main():
    path, head, record = sys.argv[1:]
    head, record = ImageHead.model_validate_json(head), ScoreRecord.model_validate_json(record)
    async with SqliteScores(Path(path)) as scores:
        for number in range(1_000_000):
            image_id = f"img_{number}"
            await scores.keep(
                head.model_copy(update={"image_id": image_id}),
                record.model_copy(update={"image_id": image_id}),
            )
            print(image_id, flush=True)

asyncio.run(main())
"""


async def test_an_older_event_from_a_second_worker_is_stale(tmp_path: Path) -> None:
    older, newer = head(position(1)), head(position(2))
    path = tmp_path / "scores.db"
    async with SqliteScores(path) as one, SqliteScores(path) as other:
        await one.keep(newer, record(newer))
        assert await other.keep(older, record(older)) == Stale(head=newer)
        assert await other.head("img_a") == newer


async def test_six_workers_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    stores = [SqliteScores(tmp_path / "scores.db") for _ in range(6)]
    await asyncio.gather(*(store.__aenter__() for store in stores))
    await asyncio.gather(*(store.ping() for store in stores))
    await asyncio.gather(*(store.__aexit__(None, None, None) for store in stores))


async def test_what_is_kept_is_there_after_the_file_is_opened_again(tmp_path: Path) -> None:
    first = head(position(1))
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores.keep(first, record(first))
    async with SqliteScores(tmp_path / "scores.db") as scores:
        assert await scores.head("img_a") == first


async def test_calls_that_are_queued_when_the_store_closes_are_answered_first(tmp_path: Path) -> None:
    every = [head(position(1), image=f"img_{number}") for number in range(600)]
    async with SqliteScores(tmp_path / "scores.db") as scores:
        calls = [asyncio.ensure_future(scores.keep(each, record(each))) for each in every]
        await asyncio.sleep(0)
    assert [call.result().head for call in calls] == every


async def test_a_caller_that_is_cancelled_does_not_harm_its_neighbours(tmp_path: Path) -> None:
    first, second = head(position(1)), head(position(1), image="img_b")
    async with SqliteScores(tmp_path / "scores.db") as scores:
        cancelled = asyncio.ensure_future(scores.keep(first, record(first)))
        neighbour = asyncio.ensure_future(scores.keep(second, record(second)))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert (await neighbour).head == second


async def test_a_call_that_fails_by_itself_fails_alone_and_leaves_nothing(tmp_path: Path) -> None:
    first, second = head(position(1)), head(position(1), image="img_b")
    unbindable = second.model_copy(update={"restaurant_id": object()})
    async with SqliteScores(tmp_path / "scores.db") as scores:
        calls = (scores.keep(first, record(first)), scores.keep(unbindable, record(second)))
        kept, failed = await asyncio.gather(*calls, return_exceptions=True)
        assert not isinstance(kept, BaseException)
        assert isinstance(failed, Exception)
        assert await scores.heads() == (first,)
        assert await scores.records("img_b") == ()


async def test_a_lock_that_is_never_given_back_makes_the_store_unavailable_for_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path) as scores:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="locked") as caught:
                await scores.keep(first, record(first))
            assert caught.value.dependency == "store"
        assert (await scores.keep(first, record(first))).head == first


async def test_a_read_waits_for_no_writer(tmp_path: Path) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path) as scores:
        await scores.keep(first, record(first))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await scores.head(first.image_id) == first
            assert await scores.heads() == (first,)


async def test_a_full_disk_makes_the_store_unavailable_and_keeps_what_it_promised(tmp_path: Path) -> None:
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores._read(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        many = [head(position(1), image=f"img_{number:02}") for number in range(50)]
        calls = (scores.keep(each, record(each)) for each in many)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        kept = tuple(outcome.head for outcome in outcomes if isinstance(outcome, Kept))
        refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
        assert refused
        assert len(kept) + len(refused) == len(many)
        assert await scores.heads() == kept


async def test_a_folder_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "scores.db"
    with pytest.raises(ConfigurationError, match=str(path)):
        await SqliteScores(path).__aenter__()


async def test_a_file_that_is_no_database_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "scores.db"
    path.write_bytes(b"\xff\xd8\xff" * 2000)
    with pytest.raises(ConfigurationError, match=str(path)):
        await SqliteScores(path).__aenter__()


async def test_a_database_of_another_program_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "scores.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE images (name TEXT)")
    with pytest.raises(ConfigurationError, match=str(path)):
        await SqliteScores(path).__aenter__()


async def test_a_store_whose_opening_failed_can_be_opened_later(tmp_path: Path) -> None:
    scores = SqliteScores(tmp_path / "later" / "scores.db")
    with pytest.raises(ConfigurationError):
        await scores.__aenter__()
    (tmp_path / "later").mkdir()
    async with scores:
        await scores.ping()


async def test_what_was_kept_when_the_process_is_killed_is_there(tmp_path: Path) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    argv = [sys.executable, "-c", KEEP_UNTIL_KILLED, str(path)]
    argv += [first.model_dump_json(), record(first).model_dump_json()]
    worker = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert worker.stdout is not None
    promised = {(await worker.stdout.readline()).decode().strip() for _ in range(200)}
    worker.kill()
    await worker.communicate()
    assert len(promised) == 200
    async with SqliteScores(path) as scores:
        assert promised <= {each.image_id for each in await scores.heads()}


async def test_two_processes_that_write_one_image_agree_on_its_newest_event(tmp_path: Path) -> None:
    path = tmp_path / "scores.db"
    async with SqliteScores(path) as one, SqliteScores(path) as other:
        for minute in range(1, 40):
            offered = head(position(minute))
            writer, reader = (one, other) if minute % 2 else (other, one)
            await writer.keep(offered, record(offered))
            await asyncio.gather(writer.mark("img_a", announced(offered)), reader.head("img_a"))
        newest = await one.head("img_a")
        assert newest is not None
        assert newest.position == position(39)
        assert newest.is_announced
