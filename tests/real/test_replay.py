"""A new model, and the uploads since a moment scored by it: real brokers keep an index of times."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import topics
from schemas.records import ImageHead
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.pictures import picture
from tests.real.premises import Premises
from tests.real.processes import documents, tagstream

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

EARLIER = [f"r1/earlier-{number}.jpg" for number in range(5)]
LATER = [f"r1/later-{number}.jpg" for number in range(5)]
AGAIN = EARLIER[0]
"""Put before the moment and, with other bytes, after it."""


async def test_what_was_uploaded_since_a_moment_is_scored_by_the_new_version_and_nothing_else(
    premises: Premises, bucket: Bucket, fleet: Fleet, findings: Findings
) -> None:
    old = fleet.start()
    for key in EARLIER:
        bucket.put(key, picture("menu", of=key))
    await findings.all_until(EARLIER)
    moment = datetime.now(UTC)
    for key in (AGAIN, *LATER):
        bucket.put(key, picture("human", of=key))
    await findings.all_until([AGAIN, *LATER], is_human)
    assert await asyncio.to_thread(old.stop, 40) == 0
    new = fleet.start(E2E_VERSION="2")
    dry = await replay(premises, moment, "--dry-run")
    assert dry["plan"]["choices"]["send"] == len(LATER) + 1
    done = await replay(premises, moment)
    counts = done["job"]["counts"]
    assert (counts["rescored"], counts["unfinished"]) == (len(LATER) + 1, 0)
    assert await asyncio.to_thread(new.stop, 40) == 0
    heads = await findings.heads()
    versions = {key: head.scores.model.version for key, head in heads.items() if head.scores}
    assert versions == dict.fromkeys(EARLIER, "1") | dict.fromkeys([AGAIN, *LATER], "2")
    asked_for = {message.key for message in await findings.messages(topics.RESCORE)}
    assert asked_for == {findings.image(key).encode() for key in (AGAIN, *LATER)}
    for key in LATER:
        assert [record.scores.model.version for record in await findings.history(key)] == ["1", "2"]


def is_human(head: ImageHead) -> bool:
    return head.verdict is not None and [tag.label for tag in head.verdict.tags if tag.tagged] == ["human"]


async def replay(premises: Premises, moment: datetime, *options: str) -> dict[str, Any]:
    command = ["replay", "start", "--from", moment.isoformat(), "--model", "2", "--force", "--json", *options]
    (answer,) = documents(await asyncio.to_thread(tagstream, premises, *command))
    told: dict[str, Any] = answer
    return told
