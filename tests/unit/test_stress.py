"""A stress run: each photograph at its time, in bytes of its own, and what is heard of it entered once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.preprocess import Preprocess
from operations import stress, stress_following, stress_photographs
from operations.stress_ledger import LatencyFigures, StressLedger, StressReport
from operations.stress_photographs import StressPhotograph
from operations.stress_publisher import RESTAURANT, OpenLoop, StressKeys
from schemas import topics
from schemas.errors import ConfigurationError, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryTags
from streams.message import Message
from tagstream import samples

RUN = "20260101T000000-abcdef"
KEYS = StressKeys("photos", "tagstream-stress", RUN)
POOL = (StressPhotograph(b"one", ".jpg"), StressPhotograph(b"two", ".png"))


class StuckImages(MemoryImages):
    """A storage that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(Limits(buckets=("photos",)))
        self.gate = asyncio.Event()

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Wait, then put."""
        await self.gate.wait()
        return await super().put(location, data, metadata=metadata)


class RefusingImages(MemoryImages):
    """A storage that refuses what is a .png."""

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Put, or refuse."""
        if location.key.endswith(".png"):
            raise Unavailable("s3", "it is full")
        return await super().put(location, data, metadata=metadata)


def open_loop(images: MemoryImages, events: MemoryTags | None) -> tuple[OpenLoop, StressLedger]:
    ledger = StressLedger()
    return OpenLoop(images, events, pool=POOL, keys=KEYS, ledger=ledger), ledger


def never() -> bool:
    return False


def heard(topic: str, text: str) -> Message:
    return Message(topic, 0, 0, None, text.encode())


async def each(*messages: Message) -> AsyncIterator[Message]:
    for message in messages:
        yield message


async def test_what_is_stuck_does_not_hold_up_the_photographs_after_it() -> None:
    images = StuckImages()
    loop, ledger = open_loop(images, MemoryTags())
    publishing = asyncio.create_task(loop.publish(1000, 0.02, is_over=never))
    while ledger.counts().due < 20:
        await asyncio.sleep(0.001)
    assert ledger.counts().published == 0
    images.gate.set()
    await publishing
    assert ledger.counts().published == 20


async def test_a_photograph_is_put_marked_as_the_run_s_own_and_announced() -> None:
    images, events = MemoryImages(Limits(buckets=("photos",))), MemoryTags()
    loop, _ = open_loop(images, events)
    await loop.publish(1000, 0.004, is_over=never)
    assert sorted(key for _, key in images.objects) == [
        f"tagstream-stress/{RUN}/{name}" for name in ("0.jpg", "1.png", "2.jpg", "3.png")
    ]
    assert len(set(images.objects.values())) == 4
    assert {each["restaurant-id"] for each in images.metadata.values()} == {RESTAURANT}
    assert {each.restaurant_id for each in events.uploaded} == {RESTAURANT}
    assert {each.location.key for each in events.uploaded} == {key for _, key in images.objects}


async def test_where_storage_announces_the_run_publishes_nothing() -> None:
    images = MemoryImages(Limits(buckets=("photos",)))
    loop, ledger = open_loop(images, None)
    await loop.publish(1000, 0.004, is_over=never)
    assert len(images.objects) == ledger.counts().published == 4


async def test_what_storage_refuses_is_counted_and_its_cause_kept_once() -> None:
    loop, ledger = open_loop(RefusingImages(Limits(buckets=("photos",))), MemoryTags())
    await loop.publish(1000, 0.006, is_over=never)
    assert (ledger.counts().published, ledger.counts().unpublished) == (3, 3)
    assert loop.refusals == ["it is full"]


async def test_a_run_that_is_over_publishes_no_more() -> None:
    loop, ledger = open_loop(MemoryImages(Limits(buckets=("photos",))), MemoryTags())
    await loop.publish(1000, 10, is_over=lambda: ledger.counts().due == 3)
    assert ledger.counts().published == 3


@pytest.mark.parametrize("file", samples.photographs(), ids=lambda file: file.suffix)
def test_a_copy_is_the_same_picture_in_bytes_of_its_own(file: Path) -> None:
    (photograph,) = stress_photographs.read((file,), max_bytes=10_000_000)
    one, other = photograph.copy("1"), photograph.copy("2")
    assert len({photograph.data, one, other}) == 3
    decode = Preprocess(size=32).decode
    assert np.array_equal(decode(one), decode(photograph.data))


def test_drawn_pages_are_the_same_each_time_and_differ() -> None:
    drawn = stress_photographs.draw(3)
    assert drawn == stress_photographs.draw(3)
    assert len({each.data for each in drawn}) == 3


def test_what_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere: there is no such"):
        stress_photographs.read((tmp_path / "nowhere",), max_bytes=100)
    with pytest.raises(ConfigurationError, match="no photographs there"):
        stress_photographs.read((tmp_path,), max_bytes=100)


async def test_what_is_heard_is_entered_whatever_shape_it_has() -> None:
    ledger = StressLedger()
    for number in range(4):
        ledger.add(0.0, now=0.0)
        ledger.published(number)
    messages = each(
        heard(topics.TAGGED, f'{{"location": {{"key": "tagstream-stress/{RUN}/0.jpg"}}}}'),
        heard(topics.DEAD_LETTERS, f'{{"Records": [{{"key": "tagstream-stress%2F{RUN}%2F1.png"}}]}}'),
        heard(topics.RETRY, f"<{RUN}/2.jpg>"),
        heard(topics.TAGGED, f"{RUN}/99.jpg"),
        heard(topics.TAGGED, "somebody else's/3.jpg"),
        heard(topics.TAGGED, f"{RUN}/probe.jpg"),
    )
    await stress_following.follow(messages, RUN, ledger)
    counts = ledger.counts()
    assert (counts.tagged, counts.dead_lettered, counts.deferred, counts.missing) == (1, 1, 1, 2)
    assert not ledger.is_settled
    assert ledger.ended() == (0, 1)


def test_a_latency_counts_from_the_intended_time_however_late_the_publisher_was() -> None:
    ledger = StressLedger()
    ledger.add(10.0, now=13.0)
    ledger.published(0)
    ledger.tagged(0, at=14.0)
    assert ledger.latency() == LatencyFigures(4.0, 4.0, 4.0, 4.0)
    assert ledger.lateness().most == 3.0


def test_tags_said_again_are_redeliveries_and_the_first_word_counts() -> None:
    ledger = StressLedger()
    ledger.add(0.0, now=0.0)
    ledger.tagged(0, at=1.0)
    ledger.published(0)  # the broker's answer may come behind the tags
    ledger.tagged(0, at=9.0)
    assert (ledger.counts().tagged, ledger.redeliveries, ledger.latency().most) == (1, 1, 1.0)


def test_tags_outrank_the_dead_letter_that_they_were_redriven_from() -> None:
    ledger = StressLedger()
    ledger.add(0.0, now=0.0)
    ledger.dead(0, at=1.0)
    assert ledger.counts().dead_lettered == 1
    ledger.tagged(0, at=2.0)
    assert (ledger.counts().tagged, ledger.counts().dead_lettered) == (1, 0)


def test_a_share_of_the_latencies_is_at_most_the_figure_that_is_named_for_it() -> None:
    assert LatencyFigures.of([]) == LatencyFigures()
    assert LatencyFigures.of(range(1, 101)) == LatencyFigures(50, 95, 99, 100)


def test_a_backlog_s_rate_is_told_by_what_comes_when_nothing_is_published_any_more() -> None:
    ledger = StressLedger()
    for number in range(120):
        ledger.add(0.0, now=0.0)
        ledger.tagged(number, at=number / 10)
    assert ledger.drain_rate(since=2.0) == pytest.approx(10, rel=0.02)
    assert ledger.drain_rate(since=11.0) is None


@pytest.fixture
def well() -> StressReport:
    ledger = StressLedger()
    ledger.add(0.0, now=0.0)
    ledger.tagged(0, at=0.5)
    latency = ledger.latency()
    return StressReport(
        *(RUN, "events", 1.0, 1.0, ledger.counts(), latency, ledger.lateness(), None), lag_most=7, lag_end=0
    )


def test_limits_that_are_kept_and_nothing_lost_are_no_failure(well: StressReport) -> None:
    assert stress.failures(well, p95=0.5, lag=7) == ()


@pytest.mark.parametrize(
    ("lost", "words"),
    [("unpublished", "could not be"), ("dead_lettered", "dlq list"), ("missing", "nothing was heard")],
)
def test_whatever_is_lost_is_a_failure(well: StressReport, lost: str, words: str) -> None:
    (said,) = stress.failures(replace(well, counts=replace(well.counts, **{lost: 2})))
    assert said.startswith("2 photographs ")
    assert words in said


def test_limits_that_are_passed_are_failures_with_the_figure_and_the_option(well: StressReport) -> None:
    assert stress.failures(well, p95=0.4, lag=6) == (
        "p95 is 0.500 s; --p95-limit is 0.4 s",
        "the lag was 7; --lag-limit is 6",
    )
    silent = replace(well, latency=LatencyFigures())
    assert stress.failures(silent, p95=1) == ("p95 is unknown; --p95-limit is 1 s",)


def test_a_run_that_was_cut_short_has_failed(well: StressReport) -> None:
    assert stress.failures(replace(well, cut_short="it was broken off")) == ("it was broken off",)
