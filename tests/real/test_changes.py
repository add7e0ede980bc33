"""What becomes of an image when storage says that its object was overwritten, removed or copied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas import topics
from schemas.records import ImageHead, State
from tests.e2e.fleet import Fleet, Worker
from tests.real.bucket import PART, Bucket
from tests.real.findings import Findings
from tests.real.pictures import picture

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", autouse=True)
def worker(fleet: Fleet) -> Iterator[Worker]:
    running = fleet.start()
    yield running
    assert running.is_alive
    assert running.stop(40) == 0


def is_gone(head: ImageHead) -> bool:
    return head.state is State.DELETED


async def actions(findings: Findings, key: str) -> list[tuple[str, str]]:
    return [(each["label"], each["action"]) for each in await findings.said(topics.MODERATION, key) if each]


def etag(head: ImageHead) -> str | None:
    return head.location.etag


async def test_an_object_that_is_deleted_is_withdrawn(bucket: Bucket, findings: Findings) -> None:
    bucket.put("r1/deleted.jpg", picture("menu", of="deleted"))
    await findings.until("r1/deleted.jpg")
    bucket.delete("r1/deleted.jpg")
    await findings.until("r1/deleted.jpg", is_gone)
    assert await actions(findings, "r1/deleted.jpg") == [("menu", "added"), ("menu", "removed")]
    assert (await findings.said(topics.LATEST, "r1/deleted.jpg"))[-1] is None
    assert len(await findings.history("r1/deleted.jpg")) == 1


async def test_objects_that_are_deleted_by_one_request_are_withdrawn(
    bucket: Bucket, findings: Findings
) -> None:
    keys = ["r1/several-1.jpg", "r1/several-2.jpg", "r1/several-3.jpg"]
    for key in keys:
        bucket.put(key, picture("menu", of=key))
    await findings.all_until(keys)
    bucket.delete(*keys)
    await findings.all_until(keys, is_gone)
    for key in keys:
        assert await actions(findings, key) == [("menu", "added"), ("menu", "removed")]


async def test_an_object_that_is_overwritten_is_tagged_anew(bucket: Bucket, findings: Findings) -> None:
    bucket.put("r1/other.jpg", picture("menu", of="one"))
    first = await findings.until("r1/other.jpg")
    bucket.put("r1/other.jpg", picture("human", of="other"))
    second = await findings.until("r1/other.jpg", lambda head: etag(head) != etag(first))
    assert first.position.precedes(second.position)
    assert sorted(await actions(findings, "r1/other.jpg")) == [
        ("human", "added"),
        ("menu", "added"),
        ("menu", "removed"),
    ]
    assert len(await findings.history("r1/other.jpg")) == 2


async def test_an_object_that_is_put_again_after_its_deletion_is_back(
    bucket: Bucket, findings: Findings
) -> None:
    bucket.put("r1/back.jpg", picture("menu", of="back"))
    await findings.until("r1/back.jpg")
    bucket.delete("r1/back.jpg")
    await findings.until("r1/back.jpg", is_gone)
    bucket.put("r1/back.jpg", picture("menu", of="back"))
    await findings.until("r1/back.jpg", lambda head: head.state is State.HIDDEN)
    assert [action for _, action in await actions(findings, "r1/back.jpg")] == ["added", "removed", "added"]
    latest = await findings.said(topics.LATEST, "r1/back.jpg")
    assert [bool(each) for each in latest] == [True, False, True]


async def test_the_deletion_of_what_never_was_tells_nobody_of_anything(
    bucket: Bucket, findings: Findings
) -> None:
    bucket.delete("r1/never.jpg")
    head = await findings.until("r1/never.jpg")  # that it was deleted is known, should its upload come late
    assert (head.state, head.scores) == (State.DELETED, None)
    for topic in (topics.TAGGED, topics.MODERATION, topics.AMBIANCE):
        assert await findings.said(topic, "r1/never.jpg") == []


async def test_a_copy_is_an_image_of_its_own(bucket: Bucket, findings: Findings) -> None:
    bucket.put("r1/original.jpg", picture("human", of="original"))
    bucket.copy("r1/original.jpg", "r1/copy.jpg")
    heads = await findings.all_until(["r1/original.jpg", "r1/copy.jpg"])
    original, copy = heads["r1/original.jpg"], heads["r1/copy.jpg"]
    assert copy.image_id != original.image_id
    assert copy.content == original.content
    assert await actions(findings, "r1/copy.jpg") == [("human", "added")]


async def test_an_upload_in_parts_is_tagged_once_it_is_complete(bucket: Bucket, findings: Findings) -> None:
    whole = bytes(PART) + picture("human", of="parts")
    bucket.put_in_parts("r1/parts.jpg", whole)
    head = await findings.until("r1/parts.jpg")
    assert head.content
    assert head.content.size == len(whole)
    assert (await findings.notified()).count("r1/parts.jpg") == 1


async def test_none_of_it_was_condemned(findings: Findings) -> None:
    assert await findings.messages(topics.DEAD_LETTERS) == ()
    assert await findings.messages(topics.RETRY) == ()
