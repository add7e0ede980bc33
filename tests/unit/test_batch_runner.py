"""Servers work at batch jobs: in chunks, in order, once, through deaths and absences."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from agents.ports import Forwarded
from agents.testing import LABELS, FakeTagger
from operations import batch_chunks, batch_jobs, batch_rows, batch_runner
from operations.batch_jobs import BatchConflict
from schemas.batch_jobs import BatchFormat, BatchState
from schemas.errors import Broken, Unavailable
from schemas.uploads import Location
from streams.ports import Fetched

from .batch_rig import BUCKET, LIST, BatchRig

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def names(count: int) -> list[str]:
    return [f"r1/{number:05d}.jpg" for number in range(count)]


async def test_every_row_has_a_result_in_the_order_of_the_list() -> None:
    rig = BatchRig()
    images = names(2_345)[::-1]
    await rig.list_of(*images)
    job = await rig.start()

    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.counts.rows, done.counts.failed, done.total) == ("finished", 2345, 0, 2345)
    assert [row["image"] for row in rig.rows()] == images
    assert {row["status"] for row in rig.rows()} == {"ok"}
    assert [key.rpartition("/")[2] for key in rig.parts()] == [f"part-{each:06d}.csv" for each in range(3)]


async def test_a_row_has_the_scores_that_an_upload_of_the_photograph_would_get() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    await rig.start()
    await rig.work()

    (row,) = rig.rows()
    scored = (await rig.tagger.score(b"photograph a.jpg")).scores
    assert {label: float(row[f"p_{label}"]) for label in LABELS} == pytest.approx(
        dict(scored.probabilities), abs=1e-6
    )
    verdict = rig.tagger.decide(scored, None)
    assert row["tags"] == ";".join(tag.label for tag in verdict.tags if tag.tagged)
    assert row["model"] == "fake/1"


async def test_the_manifest_comes_last_and_names_every_part_with_its_digest() -> None:
    rig = BatchRig()
    await rig.list_of(*names(1_001))
    job = await rig.start()
    server = rig.server()
    for _ in range(2):
        await server.step()
    assert (BUCKET, job.output.manifest) not in rig.objects.objects

    await rig.work(server)

    said = rig.manifest()
    assert (said["batch"], said["rows"], said["failed"]) == (job.id, 1001, 0)
    assert said["model"]["digest"] == rig.tagger.model.digest
    assert [part["rows"] for part in said["parts"]] == [1000, 1]
    for part in said["parts"]:
        data = rig.objects.objects[BUCKET, part["key"]]
        assert (part["sha256"], part["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))


async def test_what_is_wrong_with_a_row_is_its_result_and_fails_no_job() -> None:
    rig = BatchRig()
    await rig.put("good.jpg", b"a photograph")
    await rig.put("bad.jpg", b"broken")
    listed = ["good.jpg", "bad.jpg", "gone.jpg", "", "https://example.org/a.jpg", "s3://other/a.jpg"]
    await rig.put(LIST, "\n".join(["image,note", *(f"{each},x" for each in listed)]).encode())
    job = await rig.start()

    await rig.work()

    done = await rig.job(job)
    assert done.state is BatchState.FINISHED
    assert [row["error"] for row in rig.rows()] == [
        "",
        "undecodable",
        "gone",
        "no-image",
        "urls-not-accepted",
        "bucket-not-allowed",
    ]
    assert dict(done.counts.errors) == Counter(row["error"] for row in rig.rows() if row["error"])
    assert done.counts.failed == 5
    assert rig.metrics == {"ok": 1, **done.counts.errors}


async def test_the_same_photograph_twice_is_scored_once() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg", "b.jpg", "a.jpg", "s3://photos/a.jpg", are_there=False)
    for each in ("a.jpg", "b.jpg"):
        await rig.put(each, each.encode())
    await rig.start()

    await rig.work()

    assert rig.tagger.forwards == 2
    first, _, second, third = rig.rows()
    assert first == second == third | {"image": "a.jpg"}


async def test_several_servers_share_a_job_and_repeat_nothing() -> None:
    rig = BatchRig(tagger=FakeTagger(delay=0.0001))
    await rig.list_of(*names(4_500))
    job = await rig.start()

    await asyncio.gather(*(rig.work(rig.server(f"server {each}")) for each in range(3)))
    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.counts.rows, done.counts.chunks) == (BatchState.FINISHED, 4500, 5)
    assert rig.tagger.forwards == 4500
    assert [row["image"] for row in rig.rows()] == names(4_500)


async def test_a_killed_servers_chunk_is_taken_when_its_lease_is_over() -> None:
    rig = BatchRig()
    await rig.list_of(*names(3))
    job = await rig.start()
    dying = asyncio.create_task(rig.server("killed").step())
    while not (await rig.job(job)).open:
        await asyncio.sleep(0)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await rig.leave(job, until=datetime.now(UTC) + timedelta(seconds=60))

    assert not await rig.server("other").step()

    await rig.leave(job, until=LONG_AGO)
    await rig.work(rig.server("other"))
    assert (await rig.job(job)).state is BatchState.FINISHED


async def test_a_part_that_a_killed_server_has_left_is_counted_and_not_scored_again() -> None:
    rig = BatchRig()
    await rig.list_of(*names(3), "gone.jpg")
    await rig.objects.remove(Location(bucket=BUCKET, key="gone.jpg"))
    job = await rig.start()
    await rig.server().step()
    counted = await rig.job(job)
    forwards, part = rig.tagger.forwards, rig.bytes_of("part-000000.csv")
    before = batch_chunks.cut(
        job.model_copy(update={"revision": counted.revision + 1}),
        batch_chunks.CutRows(job.cursor.byte, job.input.size - job.cursor.byte, 4, is_at_end=True),
        "killed",
        LONG_AGO,
    )
    assert await rig.store.replace_batch(before, over=counted.revision)

    await rig.work(rig.server("other"))

    done = await rig.job(job)
    assert (done.state, done.counts) == (BatchState.FINISHED, counted.counts)
    assert rig.tagger.forwards == forwards
    assert rig.bytes_of("part-000000.csv") == part


async def test_a_server_that_is_stopped_gives_its_chunk_back_at_once() -> None:
    rig = BatchRig(tagger=FakeTagger(delay=0.05))
    await rig.list_of(*names(50))
    job = await rig.start()
    stopped = asyncio.create_task(rig.server("stopped").run())
    while not (await rig.job(job)).open:
        await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)

    (chunk,) = (await rig.job(job)).open
    assert (chunk.lease, chunk.tries) == (None, 0)

    rig.tagger.delay = 0
    await rig.work(rig.server("other"))
    assert (await rig.job(job)).state is BatchState.FINISHED


async def test_a_cancelled_job_is_left_at_the_next_renewal_and_its_chunk_is_free() -> None:
    rig = BatchRig(tagger=FakeTagger(delay=10))
    await rig.list_of(*names(50))
    job = await rig.start()

    class Renewing:
        """Cancels the job, and is due for a renewal at once."""

        time = staticmethod(lambda: 0.0)

        async def sleep(self, _seconds: float) -> None:
            await batch_jobs.cancel(rig.store, job.id)

    assert await rig.server(clock=Renewing()).step()

    left = await rig.job(job)
    assert (left.state, left.counts.rows) == (BatchState.CANCELLED, 0)
    assert [chunk.lease for chunk in left.open] == [None]
    assert not await rig.server("other").step()


async def test_a_cancelled_job_goes_on_from_its_parts_when_it_is_resumed() -> None:
    rig = BatchRig()
    await rig.list_of(*names(1_500))
    job = await rig.start()
    await rig.server().step()
    await batch_jobs.cancel(rig.store, job.id)
    await rig.work()
    assert rig.tagger.forwards == 1000

    await batch_jobs.resume(rig.store, job.id)
    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.counts.rows, rig.tagger.forwards) == (BatchState.FINISHED, 1500, 1500)
    with pytest.raises(BatchConflict, match="nothing to cancel"):
        await batch_jobs.cancel(rig.store, job.id)
    with pytest.raises(BatchConflict, match="nothing to resume"):
        await batch_jobs.resume(rig.store, job.id)


async def test_too_many_rows_with_an_error_stop_the_job_once_there_are_enough_to_tell() -> None:
    rig = BatchRig()
    await rig.list_of(*names(2_500), are_there=False)
    for each in names(499):
        await rig.put(each, b"a photograph")
    job = await rig.start()

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_chunks.TOO_MANY_ERRORS)
    assert "501 of 1000 rows failed, more than 50%, mostly by gone" in stopped.why
    assert len(rig.parts()) == 1

    await batch_jobs.resume(rig.store, job.id, max_failed=1.0)
    await rig.work()
    done = await rig.job(job)
    assert (done.state, done.counts.rows, done.counts.failed, done.why) == ("finished", 2500, 2001, "")


async def test_a_short_list_of_nothing_but_errors_is_finished() -> None:
    rig = BatchRig()
    await rig.list_of(*names(999), are_there=False)
    job = await rig.start()

    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.counts.failed) == (BatchState.FINISHED, 999)


async def test_a_list_that_is_changed_midway_stops_the_job() -> None:
    rig = BatchRig()
    await rig.list_of(*names(1_500))
    job = await rig.start()
    await rig.server().step()
    before = rig.objects.objects[BUCKET, LIST]
    await rig.put(LIST, before.replace(b"01400", b"00000"))

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.INPUT_CHANGED)
    assert len(rig.parts()) == 1

    await rig.put(LIST, before)
    await batch_jobs.resume(rig.store, job.id)
    await rig.work()
    assert (await rig.job(job)).state is BatchState.FINISHED


async def test_a_list_that_is_deleted_midway_stops_the_job() -> None:
    rig = BatchRig()
    await rig.list_of(*names(2))
    job = await rig.start()
    await rig.objects.remove(Location(bucket=BUCKET, key=LIST))

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.INPUT_CHANGED)


async def test_a_row_behind_which_nobody_knows_where_the_next_begins_stops_the_job() -> None:
    rig = BatchRig()
    await rig.put(LIST, b'image\na.jpg\n"' + b"x" * 70_000)
    job = await rig.start()

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.INPUT_UNREADABLE)
    assert "row 2" in stopped.why


async def test_a_list_with_more_rows_than_one_may_have_stops_the_job() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg", "b.jpg")
    job = await rig.start()
    cursor = job.cursor.model_copy(update={"rows": batch_rows.MOST_ROWS - 1})
    await batch_jobs.swap(rig.store, job.id, lambda each: each.model_copy(update={"cursor": cursor}))

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.TOO_MANY_ROWS)
    assert "more than 10,000,000 rows" in stopped.why


async def test_a_list_with_a_header_alone_is_finished_with_a_manifest_of_no_part() -> None:
    rig = BatchRig()
    await rig.list_of()
    job = await rig.start()

    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.total, done.counts.rows) == (BatchState.FINISHED, 0, 0)
    assert rig.manifest()["parts"] == []


async def test_what_somebody_else_has_put_where_a_part_shall_be_is_not_replaced() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    job = await rig.start()
    await rig.put("jobs/nov/part-000000.csv", b"somebody's own")

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.OUTPUT_TAKEN)
    assert rig.bytes_of("part-000000.csv") == b"somebody's own"


async def test_a_part_that_somebody_has_deleted_is_missed_before_the_manifest_is_put() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    job = await rig.start()
    server = rig.server()
    await server.step()
    await rig.objects.remove(Location(bucket=BUCKET, key="jobs/nov/part-000000.csv"))

    await rig.work(server)

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.OUTPUT_TAKEN)
    assert "is gone" in stopped.why
    assert (BUCKET, job.output.manifest) not in rig.objects.objects


async def test_a_job_waits_for_its_version_and_others_go_on_meanwhile() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    waiting = await rig.start(version="2")
    going = await rig.start(results=Location(bucket=BUCKET, key="elsewhere"))

    await rig.work()

    assert (await rig.job(going)).state is BatchState.FINISHED
    told = await rig.job(waiting)
    assert (told.state, told.why) == (BatchState.RUNNING, "version 2 is loaded")


async def test_a_job_says_why_its_version_cannot_be_had() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    rig.versions.is_loaded, rig.versions.why = False, "2 versions are resident"
    job = await rig.start()

    await rig.work()

    assert (await rig.job(job)).why == "version 1 cannot be had: 2 versions are resident"


async def test_another_model_of_the_same_name_does_not_go_on() -> None:
    rig = BatchRig()
    await rig.list_of(*names(1_500))
    job = await rig.start()
    await rig.server().step()
    rig.tagger.model = rig.tagger.model.model_copy(update={"digest": "0" * 64})

    await rig.work()

    stopped = await rig.job(job)
    assert (stopped.state, stopped.code) == (BatchState.FAILED, batch_runner.MODEL_CHANGED)


async def test_jobs_take_turns() -> None:
    rig = BatchRig()
    await rig.list_of(*names(3_000))
    jobs = [await rig.start(results=Location(bucket=BUCKET, key=each)) for each in ("one", "two")]
    server = rig.server()

    for _ in range(4):
        await server.step()

    assert [(await rig.job(each)).counts.chunks for each in jobs] == [2, 2]


async def test_a_spoiled_document_hides_no_other_job() -> None:
    rig = BatchRig()
    await rig.list_of("a.jpg")
    job = await rig.start()
    rig.store.batch_documents["bat_spoiled"] = "{}"

    await rig.work()

    assert (await rig.job(job)).state is BatchState.FINISHED


class Absent:
    """Photographs that cannot be had for a while."""

    def __init__(self, rig: BatchRig, *, refusals: int) -> None:
        self._rig = rig
        self.left = refusals

    async def fetch(self, location: Location) -> Fetched:
        if self.left:
            self.left -= 1
            raise Unavailable("s3")
        return await self._rig.objects.fetch(location)

    async def exists(self, location: Location) -> bool:
        return await self._rig.objects.exists(location)

    async def link(self, location: Location, *, seconds: float) -> str:
        return await self._rig.objects.link(location, seconds=seconds)

    async def ping(self) -> None:
        return None


async def test_a_storage_that_is_away_is_waited_for_and_is_no_error_of_a_row() -> None:
    rig = BatchRig()
    rig.images = Absent(rig, refusals=30)
    await rig.list_of(*names(10))
    job = await rig.start()

    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.counts.failed) == (BatchState.FINISHED, 0)


class Deadly(FakeTagger):
    """Its device breaks."""

    async def score(self, pixels: bytes) -> Forwarded:  # noqa: ARG002
        raise Broken("the device is gone")


async def test_a_broken_device_is_the_servers_end_and_not_the_rows() -> None:
    rig = BatchRig(tagger=Deadly())
    await rig.list_of("a.jpg")
    job = await rig.start()

    with pytest.raises(Broken, match="the device is gone"):
        await rig.server().step()

    assert (await rig.job(job)).counts.rows == 0


async def test_a_chunk_that_kills_every_server_fails_its_job_in_the_end() -> None:
    rig = BatchRig(tagger=Deadly())
    await rig.list_of("a.jpg")
    job = await rig.start()
    deaths = 0
    while (await rig.job(job)).state is BatchState.RUNNING:
        try:
            await rig.server(f"life {deaths}").step()
        except Broken:
            deaths += 1
        await rig.leave(job, until=LONG_AGO)

    stopped = await rig.job(job)
    assert (stopped.code, deaths) == (batch_chunks.KEEPS_DYING, batch_chunks.MOST_TRIES)


async def test_one_photograph_is_in_hand_while_predictions_are() -> None:
    in_hand: list[int] = []

    class Counting(FakeTagger):
        """Knows how many it is asked for at once."""

        now = 0

        async def decode(self, data: bytes) -> bytes:
            self.now += 1
            in_hand.append(self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return data

    rig = BatchRig(tagger=Counting(), is_quiet=False)
    await rig.list_of(*names(5))
    job = await rig.start()
    await rig.work()
    assert (await rig.job(job)).state is BatchState.FINISHED
    assert set(in_hand) == {1}

    in_hand.clear()
    rig.is_quiet = True
    await rig.start(results=Location(bucket=BUCKET, key="again"))
    await rig.work()
    assert max(in_hand) == rig.slots


async def test_json_lines_are_scored_and_keep_their_fields() -> None:
    rig = BatchRig()
    await rig.put("a.jpg", b"a photograph")
    await rig.put("nov.jsonl", b'{"id": 7, "image": "a.jpg"}\n\n[]\n')
    job = await rig.start(source=Location(bucket=BUCKET, key="nov.jsonl"))

    await rig.work()

    done = await rig.job(job)
    assert (done.state, done.output.format, done.counts.rows) == ("finished", BatchFormat.JSON_LINES, 2)
    first, second = rig.bytes_of("part-000000.jsonl").decode().splitlines()
    assert '"id": 7' in first
    assert '"malformed-row"' in second


async def test_how_far_a_chunk_has_come_is_told_with_each_renewal() -> None:
    class Ticking:
        """Renews whenever half of the photographs are scored, once."""

        time = staticmethod(lambda: 0.0)

        def __init__(self) -> None:
            self.is_told = False

        async def sleep(self, _seconds: float) -> None:
            while self.is_told or rig.tagger.forwards < 20:
                await asyncio.sleep(0)
            self.is_told = True

    class Watching(FakeTagger):
        """Holds every photograph behind the twentieth until the job has said how far it is."""

        async def decode(self, data: bytes) -> bytes:
            while self.forwards >= 20 and not told:
                done = await rig.job(job)
                told.extend([(done.rows_done, done.counts.rows)] if done.rows_done else [])
                await asyncio.sleep(0)
            return data

    told: list[tuple[int, int]] = []
    rig = BatchRig(tagger=Watching(), slots=1)
    await rig.list_of(*names(40))
    job = await rig.start()

    await rig.work(rig.server(clock=Ticking()))

    assert told == [(20, 0)]
    done = await rig.job(job)
    assert (done.rows_done, done.counts.rows) == (40, 40)
