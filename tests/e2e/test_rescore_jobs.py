"""Re-score jobs through real workers and runners of their own: killed, paused, cancelled, taken over."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from schemas import topics
from schemas.records import ImageHead
from schemas.rescore_jobs import RescoreJob
from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tests.e2e.accounts import Auditor
from tests.e2e.fleet import ROOT, Fleet
from tests.e2e.traffic import plan, publish
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN = 90.0
OPEN = 1_000
"""Images of the pages that a runner has in the lane at most."""


class Runners:
    """`tagstream replay` as people and services run it beside the workers."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.running: list[subprocess.Popen[str]] = []

    async def __call__(self, *arguments: str, code: int = 0) -> Any:
        """What the command answers; its error where `code` says that it fails."""
        ran = await asyncio.to_thread(self._run, arguments)
        assert ran.returncode == code, ran.stderr
        return json.loads(ran.stdout) if not code else ran.stderr

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, which goes on by itself."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            self._words(arguments), cwd=ROOT, env=self._environment, stdout=pipe, stderr=pipe, text=True
        )
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()

    def _run(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._words(arguments),
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def _words(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "tagstream", "replay", *arguments, "--json"]

    @property
    def _environment(self) -> dict[str, str]:
        where = {
            "TAGSTREAM_KAFKA__BROKERS": self.fleet.bootstrap,
            "TAGSTREAM_STORE__PATH": str(self.fleet.store),
        }
        return os.environ | where


@pytest.fixture
def replay(fleet: Fleet) -> Iterator[Runners]:
    runners = Runners(fleet)
    yield runners
    runners.end()


async def heads(fleet: Fleet) -> AsyncIterator[ImageHead]:
    async with SqliteScores(fleet.store) as scores:
        async for head in every_head(scores):
            yield head


async def versions(fleet: Fleet) -> Counter[str]:
    """How many images have scores of which version."""
    return Counter([head.scores.model.version if head.scores else "none" async for head in heads(fleet)])


async def times_scored(fleet: Fleet, version: str) -> Counter[int]:
    """Of how many images the history has how many records of the version."""
    found: Counter[int] = Counter()
    async with SqliteScores(fleet.store) as scores:
        async for head in every_head(scores):
            records = await scores.records(head.image_id)
            found[sum(record.scores.model.version == version for record in records)] += 1
    return found


async def tagged(fleet: Fleet, count: int) -> int:
    """So many uploads are tagged by version 1; how many images that has given."""
    old = fleet.start()
    sent = await publish(fleet.bootstrap, plan(count, fleet.images))
    await Auditor(fleet.bootstrap, fleet.store, sent).until_done(WITHIN)
    assert await asyncio.to_thread(old.stop, 20) == 0
    return (await versions(fleet))["1"]


async def job_until(fleet: Fleet, job_id: str, state: str) -> RescoreJob:
    async with SqliteScores(fleet.store) as scores, asyncio.timeout(WITHIN):
        while True:
            job = await scores.job(job_id)
            if job is not None and job.state == state:
                return job
            await asyncio.sleep(0.1)


async def newest(fleet: Fleet, *, count: int = 1) -> str:
    """The name of the newest job, once there are so many."""
    async with SqliteScores(fleet.store) as scores, asyncio.timeout(WITHIN):
        while len(jobs := await scores.jobs()) < count:
            await asyncio.sleep(0.1)
    return jobs[-1].id


async def asked_for(fleet: Fleet) -> Counter[bytes]:
    """How often each image stands in the lane."""
    return Counter(message.key or b"" for message in await read_all(fleet.bootstrap, topics.RESCORE))


NEW = ("--model", "2", "--force")


async def test_a_replay_scores_every_image_by_the_new_version_once(
    fleet: Fleet, replay: Runners, tell: Tell
) -> None:
    images = await tagged(fleet, 300)
    dry = (await replay("start", "--from", "earliest", *NEW, "--dry-run"))["plan"]
    assert dry["choices"]["send"] >= images
    assert dry["bytes"] > 0
    assert dry["measured_of"]["versions"] == {"1": dry["measured_of"]["records"]}
    new = fleet.start(E2E_VERSION="2")
    done = (await replay("--from", "earliest", *NEW))["job"]  # as before there were jobs
    tell(f"replay: {done['counts']}")
    assert await versions(fleet) == {"2": images}
    assert (done["state"], done["lease"], done["counts"]["rescored"]) == ("finished", None, images)
    assert 0 < done["counts"]["changed"] < images
    # What had a bad object lacks scores and always will: skipped or refused, and said.
    assert done["counts"]["unfinished"] == len(done["unfinished"]) == dry["choices"]["send"] - images
    again = (await replay("start", "--from", "store", *NEW))["job"]
    assert again["counts"]["chosen"] == {"scored": images}
    assert new.is_alive


async def test_a_runner_killed_in_the_middle_is_followed_by_another_and_nothing_is_scored_twice(
    fleet: Fleet, replay: Runners, tell: Tell
) -> None:
    images = await tagged(fleet, 1_500)
    new = fleet.start(E2E_VERSION="2", E2E_DELAY="0.05")
    first = replay.begun("start", "--from", "earliest", *NEW)
    job_id = await newest(fleet)
    async with asyncio.timeout(WITHIN):
        while (await versions(fleet))["2"] < images // 3:
            await asyncio.sleep(0.5)
    refused = await replay("resume", job_id, code=2)
    assert f"{first.pid}" in refused
    assert "tagstream replay pause" in refused
    first.kill()
    first.communicate()
    async with SqliteScores(fleet.store) as scores:
        left = await scores.job(job_id)
    assert left is not None
    service = replay.begun("run")
    done = await job_until(fleet, job_id, "finished")
    tell(f"killed at {left.counts.rescored}, then {done.counts}")
    assert done.counts.rescored == images
    assert done.counts.unfinished == len(done.unfinished)
    assert await times_scored(fleet, "2") == {1: images}
    twice = [key for key, times in (await asked_for(fleet)).items() if times > 1]
    unfinished = {image.encode() for image in done.unfinished}
    assert len(set(twice) - unfinished) <= OPEN
    assert all(key.decode() > left.checkpoint.after for key in set(twice) - unfinished)
    assert new.is_alive
    service.terminate()
    assert await asyncio.to_thread(service.wait, 20) == 0


async def test_a_job_is_paused_resumed_and_slowed_while_it_runs(
    fleet: Fleet, replay: Runners, tell: Tell
) -> None:
    images = await tagged(fleet, 300)
    fleet.start(E2E_VERSION="2")
    started = (await replay("start", "--from", "store", *NEW, "--rate", "20", "--detach"))["job"]
    job_id, first = started["id"], replay.begun("resume", started["id"])
    async with asyncio.timeout(WITHIN):
        while (await versions(fleet))["2"] == 0:
            await asyncio.sleep(0.1)
    await replay("pause", job_id)
    told, _ = await asyncio.to_thread(first.communicate, timeout=30)
    rested = json.loads(told)
    assert (first.returncode, rested["state"], rested["lease"]) == (0, "paused", None)
    assert rested["counts"]["sent"] == (await versions(fleet))["2"] < images
    assert (await replay("rate", job_id, "0"))["rate"] is None
    done = await replay("resume", job_id)
    tell(f"paused at {rested['counts']['sent']} of {images}, then {done['counts']}")
    assert (done["state"], done["counts"]["rescored"]) == ("finished", images)
    assert set((await asked_for(fleet)).values()) == {1}


async def test_a_job_whose_version_nobody_has_waits_stands_before_no_other_and_ends_when_cancelled(
    fleet: Fleet, replay: Runners, tell: Tell
) -> None:
    images = await tagged(fleet, 40)
    fleet.start()
    wrong = replay.begun("start", "--from", "store", "--model", "7", "--force")
    job_id = await newest(fleet)
    async with asyncio.timeout(WITHIN):
        while not await asked_for(fleet):
            await asyncio.sleep(0.1)
    right = await replay("start", "--from", "store", "--decide-again", "--model", "1")
    assert (right["job"]["state"], right["job"]["counts"]["rescored"]) == ("finished", images)
    waiting = await replay("status", job_id)
    tell(f"{waiting['state']}: {waiting['why']}")
    assert (waiting["state"], waiting["counts"]["sent"]) == ("waiting", 0)
    await replay("cancel", job_id)
    told, _ = await asyncio.to_thread(wrong.communicate, timeout=60)
    assert json.loads(told)["job"]["state"] == "cancelled"
    assert await versions(fleet) == {"1": images}
    assert [each["state"] for each in (await replay("list"))["jobs"]] == ["cancelled", "finished"]
