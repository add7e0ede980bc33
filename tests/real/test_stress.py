"""`tagstream stress` over real servers: all of it tagged, measured, and taken back."""

from __future__ import annotations

import json

import pytest

from schemas import topics
from schemas.records import State
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import Premises
from tests.real.processes import tagstream

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

RUN = ("stress", "--rate", "10", "--minutes", "0.05", "--json", "--patience", "100")


async def test_what_is_put_is_tagged_once_and_taken_back(
    fleet: Fleet, premises: Premises, bucket: Bucket, findings: Findings
) -> None:
    worker = fleet.start()
    report = json.loads(tagstream(premises, *RUN))
    assert report["announced_by"] == "storage"
    assert report["failures"] == []
    counts = report["counts"]
    assert (counts["published"], counts["tagged"], counts["missing"], counts["redeliveries"]) == (
        30,
        30,
        0,
        0,
    )
    assert report["latency"]["p50"] <= report["latency"]["p95"] <= report["latency"]["most"]
    assert report["removed"] == 31  # and the one that found out who announces
    assert bucket.holds() == {}
    tagged = [json.loads(each.value or b"{}") for each in await findings.messages(topics.TAGGED)]
    assert {each["restaurant_id"] for each in tagged} == {"tagstream-stress"}
    assert {head.state for head in (await findings.heads()).values()} == {State.DELETED}
    assert worker.stop(40) == 0


def test_without_a_worker_it_fails_and_says_what_is_missing(premises: Premises, bucket: Bucket) -> None:
    said = tagstream(premises, *RUN[:-1], "1", "--keep", exits=1)
    report = json.loads(said)
    assert report["counts"]["missing"] == report["counts"]["published"] == 30
    assert report["failures"][0].startswith("30 photographs were published, and nothing was heard of them")
    assert len(bucket.holds()) == 31
