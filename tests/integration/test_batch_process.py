"""Batch jobs by `tagstream serve` processes: killed, stopped and cancelled amid a chunk, asked meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import pytest

from model.tiny_version import write_tiny_version
from operations import batch_jobs
from schemas.api_keys import Scope
from schemas.batch_jobs import BatchChunk, BatchJob, BatchState
from schemas.leases import Lease
from streams.adapters.sqlite.store import SqliteScores
from tests.integration.batch_storage import (
    BROKEN,
    BUCKET,
    KEYS,
    BatchStorage,
    batch_storage,
    listing,
    picture,
)
from tests.integration.serve_process import PATIENCE, UNHURRIED, Answered, ServeProcess, form, several

BATCHES: Final = "/v1/batches"
BAD: Final = {
    BROKEN: "undecodable",
    "r1/gone.png": "gone",
    "": "no-image",
    "https://example.org/a.png": "urls-not-accepted",
    "s3://elsewhere/a.png": "bucket-not-allowed",
}
"""What cannot be scored, and why."""


def images(rows: int) -> list[str]:
    """Of a list: all photographs in turn, so that each chunk has all of them, and bad rows among them."""

    def endless() -> Iterator[str]:
        while True:
            yield from KEYS
            yield from BAD

    return list(islice(endless(), rows))


@pytest.fixture(scope="module")
def storage() -> Iterator[BatchStorage]:
    with batch_storage() as found:
        yield found


@pytest.fixture(scope="module")
def living(
    storage: BatchStorage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], ServeProcess]]:
    """The one server that lives: another over the same store, where the last one has ended."""
    folder = tmp_path_factory.mktemp("serve")
    version = {"MODEL__FOLDER": write_tiny_version(folder / "tiny"), "MODEL__DEVICE": "cpu"}
    lives: list[ServeProcess] = []
    with several(folder, Scope.BATCH, Scope.PREDICT, **version, **UNHURRIED, **storage.settings) as start:

        def one() -> ServeProcess:
            if not lives or lives[-1].process.poll() is not None:
                lives.append(start())
            return lives[-1]

        yield one


class Submitted:
    """One job, as the store has it whoever lives, and its results."""

    def __init__(self, server: ServeProcess, storage: BatchStorage, listed: list[str]) -> None:
        self.storage, self.listed = storage, listed
        self.prefix = f"jobs/{time.monotonic_ns()}/"
        source = f"{self.prefix}list.csv"
        storage.put(source, listing(listed))
        asked = {
            "input": {"bucket": BUCKET, "key": source},
            "output": {"bucket": BUCKET, "prefix": self.prefix},
        }
        made = posted(server, BATCHES, asked)
        assert made.status == 202, made.document
        self.path = f"{BATCHES}/{made.document['id']}"
        self._id, self._store = made.document["id"], server.store

    def stored(self) -> BatchJob:
        async def found() -> BatchJob:
            async with SqliteScores(self._store) as store:
                return await batch_jobs.known(store, self._id)

        return asyncio.run(found())

    def until(self, holds: Callable[[BatchJob], object]) -> BatchJob:
        """The job once that holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds(job := self.stored()):
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job

    def finished(self) -> BatchJob:
        return self.until(lambda job: job.state is not BatchState.RUNNING)

    def parts(self) -> dict[str, tuple[str, object]]:
        return self.storage.listed(f"{self.prefix}part-")

    def check(self) -> None:
        """All is there, once, in its order, and counted."""
        job, rows, manifest = (
            self.stored(),
            self.storage.rows(self.prefix),
            self.storage.manifest(self.prefix),
        )
        assert (job.state, job.open) == (BatchState.FINISHED, ())
        assert [(row["number"], row["image"]) for row in rows] == [
            (str(number), image) for number, image in enumerate(self.listed)
        ]
        errors = [BAD.get(image, "") for image in self.listed]
        assert [row["error"] for row in rows] == errors
        assert [row["status"] for row in rows] == ["failed" if error else "ok" for error in errors]
        failed = len(errors) - errors.count("")
        assert (job.counts.rows, job.counts.failed, job.total) == (len(rows), failed, len(rows))
        assert (manifest["rows"], manifest["failed"]) == (len(rows), failed)
        assert manifest["errors"] == {error: errors.count(error) for error in sorted({*errors} - {""})}
        assert [part["key"] for part in manifest["parts"]] == sorted(self.parts())


def posted(server: ServeProcess, path: str, document: dict[str, Any] | None = None) -> Answered:
    body = b"" if document is None else json.dumps(document).encode()
    return server.ask("POST", path, body, {"Content-Type": "application/json"})


def at_work(job: BatchJob, *dead: str) -> BatchChunk | None:
    """The chunk that somebody works at who is none of the dead."""
    leased = (chunk for chunk in job.open if chunk.lease and chunk.lease.runner not in dead)
    return next(leased, None)


@contextmanager
def amid_chunk(job: Submitted, *dead: str, behind: int = 0) -> Iterator[Lease]:
    """The lease of a chunk that cannot come to its end within the block: storage answers nobody.

    Of somebody who is none of the dead, behind so many chunks that are done.
    """
    while True:
        found = job.until(lambda each: each.counts.chunks >= behind and at_work(each, *dead))
        with job.storage.frozen():
            still = at_work(job.stored(), *dead)
            if still and still.lease and still == at_work(found, *dead):  # it was not at its end
                yield still.lease
                return


def test_servers_that_are_killed_amid_a_chunk_lose_no_row_and_write_no_part_twice(
    living: Callable[[], ServeProcess], storage: BatchStorage
) -> None:
    job = Submitted(living(), storage, images(3_500))
    dead: list[str] = []
    standing = []
    for life in (1, 2):
        with amid_chunk(job, *dead, behind=life) as lease:
            living().kill()
        dead.append(lease.runner)
        standing.append(job.parts())
        living()

    job.finished()

    job.check()
    assert len(standing[0]) < len(standing[1]) < len(job.parts()) == 4
    for before in standing:
        assert before.items() <= job.parts().items()


def test_a_server_that_is_stopped_gives_its_chunk_back_for_another_to_begin_with(
    living: Callable[[], ServeProcess], storage: BatchStorage
) -> None:
    job = Submitted(living(), storage, images(300))
    with amid_chunk(job):
        assert living().stop() == 0
        (left,) = job.stored().open
        assert (left.lease, left.tries) == (None, 0)

    living()
    job.finished()

    job.check()


def test_a_job_that_is_cancelled_is_left_amid_its_chunk_and_goes_on_when_it_is_resumed(
    living: Callable[[], ServeProcess], storage: BatchStorage
) -> None:
    server = living()
    job = Submitted(server, storage, images(1_500))
    with amid_chunk(job, behind=1):
        assert posted(server, f"{job.path}/cancel").document["state"] == "cancelled"
        left = job.until(lambda each: not at_work(each))
        assert [chunk.number for chunk in left.open] == [1]
    before = job.parts()
    assert left.state is BatchState.CANCELLED
    assert len(before) == 1

    assert posted(server, f"{job.path}/resume").document["state"] == "running"
    job.finished()

    job.check()
    assert before.items() <= job.parts().items()
    assert posted(server, f"{job.path}/cancel").status == 409


def test_predictions_are_answered_while_a_job_runs(
    living: Callable[[], ServeProcess], storage: BatchStorage
) -> None:
    server = living()
    job = Submitted(server, storage, images(1_500))
    answers: list[Answered] = []
    while (standing := job.stored()).state is BatchState.RUNNING:
        if at_work(standing):
            body, headers = form(picture(len(answers)))
            answers.append(server.ask("POST", "/v1/predictions", body, headers))

    assert len(answers) > 1
    assert {answer.status for answer in answers} == {200}
    job.check()
