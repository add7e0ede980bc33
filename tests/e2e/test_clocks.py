"""Clocks that are ahead, through real workers: they defeat no decision and pin no photograph."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from schemas import topics
from schemas.identity import image_id
from schemas.records import State
from schemas.wire import headers
from streams.adapters.kafka.reader import read_all
from tests.e2e.fleet import ROOT, Fleet
from tests.e2e.test_doors import WITHIN, a_photograph, anything, notification, said, send, until
from tests.e2e.worker_under_test import BUCKET

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

KEY = "r1/a.jpg"
IMAGE = image_id(BUCKET, KEY)


def ahead(**by: float) -> str:
    return (datetime.now(UTC) + timedelta(**by)).isoformat()


async def decide(fleet: Fleet, action: str, decided_at: str, by: str) -> None:
    decision = {"image_id": IMAGE, "action": action, "decided_at": decided_at, "decided_by": by}
    await send(fleet, topics.DECISIONS, IMAGE, json.dumps(decision).encode())


async def upload(fleet: Fleet, uploaded_at: str) -> None:
    event = {"location": {"bucket": BUCKET, "key": KEY}, "restaurant_id": "r1", "uploaded_at": uploaded_at}
    await send(fleet, topics.UPLOADED, IMAGE, json.dumps(event).encode())


async def letters(fleet: Fleet, *, many: int) -> list[tuple[str, str]]:
    """Code and words of the dead letters, once there are so many."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = await read_all(fleet.bootstrap, topics.DEAD_LETTERS)
            if len(found) >= many:
                break
            await asyncio.sleep(0.2)
    named = [
        {name.removeprefix(headers.PREFIX): value.decode() for name, value in each.headers} for each in found
    ]
    return [(each["code"], each["exception.message"]) for each in named]


def tagstream(fleet: Fleet, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"TAGSTREAM_KAFKA__BROKERS": fleet.bootstrap, "TAGSTREAM_STORE__PATH": str(fleet.store)}
    command = [sys.executable, "-m", "tagstream", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False
    )


async def test_a_decision_of_2099_defeats_no_decision_of_today(fleet: Fleet) -> None:
    worker = fleet.start()
    a_photograph(fleet, KEY, with_label="food")
    await upload(fleet, ahead())
    await until(fleet, IMAGE, anything)
    await decide(fleet, "reject", "2099-01-01T00:00:00Z", "ann")
    ((code, words),) = await letters(fleet, many=1)
    assert code == "ahead_of_clock"
    assert "decided_at: 2099-01-01T00:00:00+00:00" in words
    assert "TAGSTREAM_CLOCK__TOLERANCE" in words
    # Within the tolerance it holds, and whoever decides behind it is obeyed, not told so in vain.
    await decide(fleet, "reject", ahead(minutes=5), "ann")
    await until(fleet, IMAGE, lambda head: head.state is State.HIDDEN)
    ran = await asyncio.to_thread(tagstream, fleet, "decide", IMAGE, "approve", "--by", "bob")
    assert (ran.returncode, ran.stderr) == (0, "")
    await until(fleet, IMAGE, lambda head: head.state is State.VISIBLE)
    # Late and of other bytes: it is told in the log and by `why`, and says nothing on any topic.
    told = len(await said(fleet, topics.TAGGED, IMAGE))
    late = {"image_id": IMAGE, "action": "reject", "decided_at": ahead(), "decided_by": "eve"}
    value = json.dumps(late | {"content_digest": "0" * 64}).encode()
    await send(fleet, topics.DECISIONS, IMAGE, value)
    async with asyncio.timeout(WITHIN):
        while not worker.events("decision.outdated"):
            await asyncio.sleep(0.2)
    why = await asyncio.to_thread(tagstream, fleet, "why", IMAGE)
    assert "eve rejected it" in " ".join(why.stdout.split())
    assert "of other bytes (sha256 000000000000)" in " ".join(why.stdout.split())
    assert len(await said(fleet, topics.TAGGED, IMAGE)) == told
    assert await asyncio.to_thread(worker.stop, 20) == 0


async def test_an_upload_of_9999_and_one_whose_clock_is_ahead_pin_no_photograph(fleet: Fleet) -> None:
    fleet.environment |= {"TAGSTREAM_DEFERRAL__GONE": "0"}
    worker = fleet.start()
    a_photograph(fleet, KEY, with_label="ambiance")
    await upload(fleet, "9999-12-31T23:59:59Z")
    ((code, words),) = await letters(fleet, many=1)
    assert code == "ahead_of_clock"
    assert "uploaded_at" in words
    assert "9999-12-31T23:59:59+00:00" in words
    pinning = ahead(minutes=5)
    await upload(fleet, pinning)
    await until(fleet, IMAGE, lambda head: head.state is State.VISIBLE)
    # Storage's removal is of an earlier time than that; on another worker's partition, perhaps.
    (fleet.images / BUCKET / KEY).unlink()
    await send(fleet, topics.UPLOADED, KEY, notification("ObjectRemoved:Delete", KEY, "0B"), partition=3)
    await until(fleet, IMAGE, lambda head: head.state is State.DELETED)
    assert [e and e["action"] for e in await said(fleet, topics.AMBIANCE, IMAGE)] == ["added", "removed"]
    assert (await said(fleet, topics.LATEST, IMAGE))[-1] is None
    # The event that pinned it comes again, and brings nothing back.
    await upload(fleet, pinning)
    assert [code for code, _ in await letters(fleet, many=2)] == ["ahead_of_clock", "gone"]
    head = await until(fleet, IMAGE, anything)
    assert head.state is State.DELETED
    assert (await said(fleet, topics.LATEST, IMAGE))[-1] is None
    assert await asyncio.to_thread(worker.stop, 20) == 0
