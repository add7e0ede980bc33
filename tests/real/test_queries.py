"""What workers ask the document store, over the stack: an index carries all of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.pictures import picture
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

KEYS = [f"r1/asked-{number}.jpg" for number in range(8)]
OF_AN_UPLOAD = {
    "find images {'_id': {'$in': '?'}}",
    "update images {'_id': '?'}",
    "update images {'_id': '?', 'token': '?'}",
    "update scores {'_id': '?', 'image_id': '?'}",
}


async def test_every_query_of_a_worker_is_carried(
    bucket: Bucket, fleet: Fleet, findings: Findings, tell: Tell
) -> None:
    worker = fleet.start()
    for key in KEYS:
        bucket.put(key, picture("ambiance", of=key))
    await findings.all_until(KEYS)
    assert await asyncio.to_thread(worker.stop, 40) == 0
    asked = fleet.queries()
    tell(f"a worker asks MongoDB: {len(asked)} kinds of query")
    assert asked.keys() >= OF_AN_UPLOAD
    assert set(asked.values()) == {True}
