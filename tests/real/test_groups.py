"""One, two and four workers over four partitions, and one again: what stands is what storage holds."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from schemas import topics
from schemas.records import ImageHead, State
from tests.e2e.fleet import Fleet, Worker
from tests.real import group
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.traffic import Traffic
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(500)]

EACH = 60
"""Changes to the bucket before each group."""


async def test_groups_of_any_size_leave_what_storage_holds(
    fleet: Fleet, bucket: Bucket, findings: Findings, tell: Tell
) -> None:
    traffic = Traffic(bucket)
    shares = []
    for size in (1, 2, 4):
        while len(fleet.workers) < size:
            fleet.start()
        shares.append(await shared(fleet.workers, fleet.bootstrap, traffic))
    leaving, last = fleet.workers[1:], fleet.workers[0]
    codes = await asyncio.gather(*(asyncio.to_thread(worker.stop, 60) for worker in leaving))
    shares.append(await shared([last], fleet.bootstrap, traffic))
    tell(f"groups: messages started by each worker {shares}, {fleet.redeliveries} redeliveries")
    assert codes == [0, 0, 0]
    assert all(share for each in shares for share in each), "a worker that did nothing"
    assert await asyncio.to_thread(last.stop, 60) == 0
    await assert_all_is_as_storage_has_it(findings, bucket, traffic)


async def shared(workers: list[Worker], bootstrap: str, traffic: Traffic) -> list[int]:
    """How many messages each of the group has started of what the bucket went through meanwhile."""
    await group.settled(bootstrap, len(workers))
    before = [worker.starts().total() for worker in workers]
    await asyncio.to_thread(traffic.flow, EACH)
    await group.done(bootstrap)
    return [worker.starts().total() - earlier for worker, earlier in zip(workers, before, strict=True)]


async def assert_all_is_as_storage_has_it(findings: Findings, bucket: Bucket, traffic: Traffic) -> None:
    heads, held = await findings.heads(), await asyncio.to_thread(bucket.holds)
    assert sorted(held) == sorted(traffic.standing)
    assert sorted(heads) == sorted(traffic.standing + traffic.deleted)
    assert {key for key, head in heads.items() if head.state is State.DELETED} == set(traffic.deleted)
    for key, data in held.items():
        content = heads[key].content
        assert content, key
        assert content.digest == hashlib.sha256(data).hexdigest(), f"{key} has the scores of older bytes"
    assert all(head.is_announced for head in heads.values())
    assert await last_words(findings) == {head.image_id: revision(head) for head in heads.values()}
    # What was deleted before anybody fetched it has its letter; whatever stands has none.
    letters = [dict(each.headers) for each in await findings.messages(topics.DEAD_LETTERS)]
    assert {each["__connect.errors.code"] for each in letters} <= {b"gone"}
    condemned = {each["__connect.errors.image_id"].decode() for each in letters}
    assert condemned <= {findings.image(key) for key in traffic.deleted}


async def last_words(findings: Findings) -> dict[str, int | None]:
    """The revision that the topic of the latest tags ends with, by image; None for a tombstone."""
    return {
        (each.key or b"").decode(): json.loads(each.value)["revision"] if each.value else None
        for each in await findings.messages(topics.LATEST)
    }


def revision(head: ImageHead) -> int | None:
    return None if head.state is State.DELETED else head.revision
