"""Offsets that nobody can read: their letter, their count, and what readiness says of them."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from agents.gaps import GapNotice, Gaps
from agents.telemetry.metrics import Metrics
from schemas import topics
from schemas.wire import headers
from streams.adapters.memory import MemoryTags
from streams.message import Message, Unread
from streams.ports import BROKER
from streams.resilience.retry import Backoff, Dependencies
from streams.resilience.retrying import RetryingTags

PLACE = Message(topics.UPLOADED, 3, 209, None, None)


class World:
    """The parts around the gaps."""

    def __init__(self) -> None:
        self.tags, self.metrics, self.notice = MemoryTags(), Metrics(), GapNotice()
        tags = RetryingTags(self.tags, Dependencies(Backoff()).of(BROKER))
        self.gaps = Gaps(tags, self.metrics, self.notice)

    async def bury(self, *, is_expired: bool) -> None:
        await self.gaps.bury(PLACE, Unread(10, 209, is_expired=is_expired, cause="because"))


@pytest.mark.parametrize(("is_expired", "code"), [(True, "expired"), (False, "unreadable")])
async def test_a_gap_is_one_letter_with_its_first_and_last_offset_and_nothing_in_it(
    *, is_expired: bool, code: str
) -> None:
    world = World()
    await world.bury(is_expired=is_expired)
    (letter,) = world.tags.buried
    assert (letter.code, letter.source, letter.last_offset, letter.value) == (
        code,
        (topics.UPLOADED, 3, 10),
        209,
        b"",
    )
    assert headers.is_empty_handed(tuple(letter.causes.items()))
    assert "200 offsets of photos.uploaded.v1, partition 3, 10 to 209: because" in letter.message


async def test_its_offsets_are_counted_by_partition() -> None:
    world = World()
    await world.bury(is_expired=True)
    shown = generate_latest(world.metrics.registry).decode()
    labels = '{cause="expired",partition="3",topic="photos.uploaded.v1"}'
    assert f"tagstream_unread_records_total{labels} 200.0" in shown


async def test_readiness_says_it_for_a_while_and_then_no_more() -> None:
    world = World()
    assert world.notice.complaint() is None
    await world.bury(is_expired=True)
    said = [world.notice.complaint() for _ in range(100)]
    assert "10 to 209" in (said[0] or "")
    assert said[-1] is None
    assert said == sorted(said, key=lambda each: each is None)  # never again, once it is over
