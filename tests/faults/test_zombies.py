"""A worker frozen beyond its session while a peer finishes newer work of the same image, then resumed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from deploy.stack.stack import BUCKET
from schemas import topics
from schemas.identity import image_id
from schemas.records import ImageHead
from schemas.uploads import Location
from streams.adapters.kafka.reader import read_all
from streams.adapters.s3.images import S3Images
from tests.e2e.accounts import committed, opened
from tests.e2e.fleet import Worker
from tests.faults.boundaries import COMMITS, Act, Boundary
from tests.faults.matrix import WITHIN, Row, struck, until
from tests.faults.storing import s3_of
from tests.freezing import thaw
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PATH = [boundary for boundary in Boundary if boundary is not Boundary.LETTER]
NAMES = [f"{Act.FREEZE} {boundary}" for boundary in PATH]


async def heads(row: Row) -> dict[str, ImageHead]:
    images = [upload.image_id for _, _, upload, is_bad in row.planned if upload and not is_bad]
    async with opened(row.premises.store) as scores:
        return dict(await scores.heads(images))


async def overwrite(row: Row) -> dict[str, ImageHead]:
    """Other bytes at every key, which storage itself announces; what holds once they are tagged."""
    digests = {}
    async with S3Images(s3_of(row.premises.stack)) as storage:
        for key, data in row.photographs.items():
            await storage.put(Location(bucket=BUCKET, key=key), data + b" newer")
            digests[image_id(BUCKET, key)] = hashlib.sha256(data + b" newer").hexdigest()
    async with asyncio.timeout(WITHIN):
        while True:
            held = await heads(row)
            if all(
                head.is_announced and head.content and head.content.digest == digests[image]
                for image, head in held.items()
            ):
                return held
            await asyncio.sleep(0.5)


async def said(row: Row, topic: str) -> list[dict[str, Any]]:
    """All events of the topic, in its order."""
    return [json.loads(each.value) for each in await read_all(row.premises.bootstrap, topic) if each.value]


@pytest.mark.parametrize("boundary", PATH)
async def test_a_zombie_overwrites_nothing_and_its_events_are_told_from_newer_ones(
    matrix: dict[str, Row], boundary: Boundary, tell: Tell
) -> None:
    row = matrix[f"{Act.FREEZE} {boundary}"]
    zombie = row.start_struck(boundary, Act.FREEZE, passage=1 if boundary in COMMITS else 2)
    await row.publish()
    await until(lambda: struck(zombie))
    peer = row.start()
    await row.until_done()  # by the peer, since the zombie's session is over
    before = await overwrite(row)
    offsets = await committed(row.premises.bootstrap)
    await row.stop(peer)  # now the group is empty: a broker takes anybody's commits
    thaw(zombie.process.pid)
    await until(lambda: was_evicted(zombie))
    await row.stop(zombie)
    after = await heads(row)
    assert len(after) == len(row.photographs)
    assert after == before
    assert no_lower(await committed(row.premises.bootstrap), than=offsets) == {}
    stale = await assert_the_newest_word_is_the_last(row, after)
    survived = len(zombie.events("fault.survived"))
    tell(f"zombie after {boundary}: {survived} resumed, {stale} of its events dropped by revision")
    assert zombie.events("fault.survived")


def was_evicted(worker: Worker) -> bool:
    """Whether it has learnt that its partitions are not its own any more."""
    return any(entry["partitions"] for entry in worker.events("partitions.revoked"))


def no_lower(offsets: dict[int, int], *, than: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Partitions whose committed offset went backwards: from what, and to what."""
    return {at: (than[at], offset) for at, offset in offsets.items() if offset < than[at]}


async def assert_the_newest_word_is_the_last(row: Row, held: dict[str, ImageHead]) -> int:
    """Every topic, folded by revision, ends at what the store holds; how many came behind a newer one."""
    stale = 0
    for topic in (topics.TAGGED, topics.LATEST):
        newest: dict[str, int] = {}
        last: dict[str, int] = {}
        for event in await said(row, topic):
            image, revision = event["image_id"], event["revision"]
            if image not in held:
                continue
            stale += revision < newest.get(image, 0)
            newest[image] = max(revision, newest.get(image, 0))
            last[image] = revision
        assert newest == {image: head.revision for image, head in held.items()}
        if topic == topics.LATEST:
            assert last == newest  # the broker keeps the last, whatever its revision
    return stale
