"""What the SQLite store adds to the contract: one file, several workers, and disks that fail."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from schemas import topics
from schemas.claims import Claim, Claims
from schemas.errors import Broken, ConfigurationError, Unavailable
from schemas.records import ImageHead, Kept, ScoreRecord
from streams.adapters.sqlite.rows import OF_RESTAURANT, OF_UPLOADER
from streams.adapters.sqlite.store import SqliteScores

from .builders import LOCATION, head, position, record
from .stores import FIRST_RELEASE, at_least, become, stale, unchanged

KEEP_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from streams.adapters.sqlite.store import SqliteScores
from schemas.records import ImageHead, Kept, ScoreRecord

async def main():
    path, head, record = sys.argv[1:]
    head, record = ImageHead.model_validate_json(head), ScoreRecord.model_validate_json(record)
    async with SqliteScores(Path(path)) as scores:
        for number in range(1_000_000):
            image_id = f"img_{number}"
            kept = Kept(head=head.model_copy(update={"image_id": image_id}))
            of_image = record.model_copy(update={"image_id": image_id})
            await scores.apply(image_id, lambda stored, kept=kept: kept, of_image)
            print(image_id, flush=True)

asyncio.run(main())
"""


async def test_six_workers_that_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    stores = [SqliteScores(tmp_path / "scores.db") for _ in range(6)]
    await asyncio.gather(*(store.__aenter__() for store in stores))
    await asyncio.gather(*(store.ping() for store in stores))
    await asyncio.gather(*(store.__aexit__(None, None, None) for store in stores))


async def test_a_file_that_another_worker_writes_before_it_has_a_log_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "scores.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(SqliteScores(tmp_path / "scores.db").__aenter__())
        await asyncio.sleep(0.2)
        writer.execute("COMMIT")
        store = await opening
    await store.ping()
    await store.__aexit__(None, None, None)


async def test_what_is_kept_is_there_after_the_file_is_opened_again(tmp_path: Path) -> None:
    first = head(position(1))
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores.apply("img_a", become(first), record(first))
    async with SqliteScores(tmp_path / "scores.db") as scores:
        assert await scores.head("img_a") == first


async def test_an_uploaders_images_are_found_by_an_index(tmp_path: Path) -> None:
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores.ping()
    with closing(sqlite3.connect(tmp_path / "scores.db")) as connection:
        asked = {"uploader": "u1", "after": "", "limit": 10}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {OF_UPLOADER}", asked).fetchall()
    steps = " ".join(str(step[-1]) for step in plan)
    assert "images_of_uploader_by_storage" in steps
    assert "images_of_uploader_by_producer" in steps
    assert "SCAN" not in steps


async def test_a_file_of_an_earlier_version_gets_the_index_when_it_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "scores.db"
    owned = head(position(1)).model_copy(
        update={"claims": Claims.of(Claim(position=position(1), location=LOCATION, uploader_id="u1"))}
    )
    async with SqliteScores(file) as scores:
        await scores.apply("img_a", become(owned))
    with closing(sqlite3.connect(file)) as connection:
        for voice in ("storage", "producer"):
            connection.execute(f"DROP INDEX images_of_uploader_by_{voice}")
        connection.commit()
    async with SqliteScores(file) as scores:
        assert await scores.of_uploader("u1") == (owned,)


@pytest.mark.parametrize("topic", [None, topics.AMBIANCE])
async def test_a_restaurants_images_are_found_in_their_order_by_an_index(
    tmp_path: Path, topic: str | None
) -> None:
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores.ping()
    with closing(sqlite3.connect(tmp_path / "scores.db")) as connection:
        asked = {"restaurant": "r1", "topic": topic, "after": "", "limit": 10}
        plan = connection.execute(f"EXPLAIN QUERY PLAN {OF_RESTAURANT}", asked).fetchall()
    steps = [str(step[-1]) for step in plan]
    assert "USING INDEX images_by_restaurant (restaurant_id=? AND image_id>?)" in steps[0]
    assert not any("SCAN images" in step or "ORDER BY" in step for step in steps)


async def test_a_file_of_the_first_release_gets_the_restaurants_index_in_place_of_its_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "scores.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((FIRST_RELEASE / "tables.sql").read_text())
    kept = head(position(1))
    async with SqliteScores(file) as scores:
        await scores.apply("img_a", become(kept))
        assert await scores.of_restaurant("r1") == (kept,)
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    assert ("images_by_restaurant",) in found
    assert ("images_of_restaurant",) not in found


async def test_a_call_that_fails_by_itself_fails_alone_and_leaves_nothing(tmp_path: Path) -> None:
    first, second = head(position(1)), head(position(1), image="img_b")
    unbindable = second.model_copy(update={"restaurant_id": object()})
    async with SqliteScores(tmp_path / "scores.db") as scores:
        calls = (
            scores.apply("img_a", become(first), record(first)),
            scores.apply("img_b", become(unbindable), record(second)),
        )
        kept, failed = await asyncio.gather(*calls, return_exceptions=True)
        assert not isinstance(kept, BaseException)
        assert isinstance(failed, Exception)
        assert await scores.scan() == (first,)
        assert await scores.records("img_b") == ()


async def test_a_lock_that_is_never_given_back_makes_the_store_unavailable_for_as_long(
    tmp_path: Path,
) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path, busy_seconds=0.05) as scores:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="locked") as caught:
                await scores.apply("img_a", become(first), record(first))
            assert caught.value.dependency == "store"
        assert (await scores.apply("img_a", become(first), record(first))).head == first


async def test_a_read_waits_for_no_writer(tmp_path: Path) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path) as scores:
        await scores.apply("img_a", become(first), record(first))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(scores.apply("img_b", become(head(position(1), image="img_b"))))
            assert await scores.head(first.image_id) == first
            assert await scores.scan() == (first,)
            assert await scores.records(first.image_id) == (record(first),)
            assert not waiting.done()
            other.execute("ROLLBACK")
            await waiting


async def test_a_full_disk_makes_the_store_unavailable_and_keeps_what_it_promised(tmp_path: Path) -> None:
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores._writes.do(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        many = [head(position(1), image=f"img_{number:02}") for number in range(50)]
        calls = (scores.apply(each.image_id, become(each), record(each)) for each in many)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        kept = tuple(outcome.head for outcome in outcomes if isinstance(outcome, Kept))
        refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
        assert refused
        assert len(kept) + len(refused) == len(many)
        assert await scores.scan() == kept


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
        assert await scores.heads(promised) == {
            image_id: first.model_copy(update={"image_id": image_id}) for image_id in promised
        }


async def test_a_change_that_keeps_what_is_stored_writes_nothing(tmp_path: Path) -> None:
    first = head(position(1))
    async with SqliteScores(tmp_path / "scores.db") as scores:
        await scores.apply("img_a", become(first))
        before = await scores._writes.do(lambda connection: connection.total_changes)
        await scores.apply("img_a", unchanged)
        await scores.apply("img_a", stale)
        assert await scores._writes.do(lambda connection: connection.total_changes) == before


async def test_a_file_of_the_first_release_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.db"
    old_head, old_record = ((FIRST_RELEASE / name).read_text() for name in ("head.json", "record.json"))
    with closing(sqlite3.connect(path, isolation_level=None)) as first_release:
        first_release.executescript((FIRST_RELEASE / "tables.sql").read_text())
        first_release.execute("INSERT INTO images VALUES ('img_a', 'r1', 'hidden', '2026', ?)", (old_head,))
        first_release.execute("INSERT INTO scores VALUES ('img_a', 'e1', '1', '2026', ?)", (old_record,))
    async with SqliteScores(path) as scores:
        found = await scores.head("img_a")
        assert found == ImageHead.model_validate_json(old_head)
        assert found.is_announced
        assert found.all_claims.current.position == found.position
        assert await scores.records("img_a") == (ScoreRecord.model_validate_json(old_record),)
        newer = head(position(2))
        assert await scores.apply("img_a", at_least(newer), record(newer)) == Kept(head=newer)
        assert await scores.scan() == (newer,)


def damage(path: Path) -> None:
    """Overwrite every page behind the first two, as a disk or a copy in mid-write does."""
    with closing(sqlite3.connect(path)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xa5" * (len(data) - 100))


async def test_a_file_that_is_no_database_is_said_to_be_damaged_and_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "scores.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(ConfigurationError, match=r"scores\.db: the database is damaged") as said:
        await SqliteScores(path).__aenter__()
    assert "(file is not a database)" in str(said.value)
    assert "restore it from a backup" in str(said.value)
    assert path.read_bytes() == b"no database at all" * 1000


async def test_a_file_that_was_damaged_is_told_at_the_start_or_with_the_first_call(tmp_path: Path) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path) as scores:
        await scores.apply("img_a", become(first), record(first))
    damage(path)
    with pytest.raises((Broken, ConfigurationError), match="the database is damaged"):
        async with SqliteScores(path) as scores:
            await asyncio.gather(scores.head("img_a"), scores.apply("img_b", become(first)))


async def test_damage_that_comes_while_it_is_open_is_told_to_every_call(tmp_path: Path) -> None:
    path, first = tmp_path / "scores.db", head(position(1))
    async with SqliteScores(path) as scores:
        await scores.apply("img_a", become(first), record(first))
        damage(path)
        answers = await asyncio.gather(
            *(scores.apply(f"img_{number}", become(first)) for number in range(3)),
            scores.head("img_a"),
            scores.ping(),
            return_exceptions=True,
        )
    assert {type(answer) for answer in answers} == {Broken}
