"""What consumers find on the topics: headers of every event, tombstones, hops and redrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from schemas import topics, wire
from schemas.claims import Claim
from schemas.decisions import Decided, ModerationDecided
from schemas.errors import Malformed
from schemas.events import Announcement, DeadLetter, ImageTagged, RescoreRequested
from schemas.uploads import ImageRemoved, ImageUploaded, Location, Position
from schemas.wire import headers as wire_headers
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import (
    DecisionPublisher,
    KafkaPublisher,
    RedrivePublisher,
    RescorePublisher,
    UploadPublisher,
)
from streams.adapters.kafka.reader import read_all
from streams.message import Message

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(hours=1)
AT = Location(bucket="photos", key="a.jpg")
POSITION = Position(uploaded_at=THEN, partition=0, offset=0, event_id="u")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TAGGED = ImageTagged(event_id="t", image_id="img_a", position=POSITION, location=AT, tags=())


class Broker:
    """A broker of one test's own, since some of what is published names its own topic."""

    def __init__(self, bootstrap: str, stack: AsyncExitStack) -> None:
        self.settings = ProducerSettings(bootstrap=bootstrap, source="/tagstream/test")
        self.stack = stack

    async def publisher(self) -> KafkaPublisher:
        return await self.stack.enter_async_context(KafkaPublisher(self.settings, clock=lambda: NOW))

    async def redriver(self) -> RedrivePublisher:
        return await self.stack.enter_async_context(RedrivePublisher(self.settings))

    async def on(self, topic: str) -> tuple[Message, ...]:
        return await read_all(self.settings.bootstrap, topic)

    async def only(self, topic: str) -> Message:
        (found,) = await self.on(topic)
        return found


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    with EmbeddedBroker() as running:
        async with AsyncExitStack() as stack:
            yield Broker(running.bootstrap, stack)


def letter(of: Message, topic: str, **given: object) -> DeadLetter:
    """`of`, which failed as it was read."""
    said: dict[str, object] = {
        "key": of.key,
        "value": of.value,
        "headers": of.headers,
        "source": of.source,
        "stage": "fetch",
        "code": "keeps_failing",
        "exception": "KeepsFailing",
        "message": "s3 keeps refusing this one object",
        "topic": topic,
    }
    return DeadLetter.model_validate(said | given)


async def test_an_event_is_a_cloudevent_in_binary_mode(broker: Broker) -> None:
    await (await broker.publisher()).announce([Announcement(topic=topics.TAGGED, key="img_a", event=TAGGED)])
    found = await broker.only(topics.TAGGED)
    assert found.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"t"),
        ("ce_source", b"/tagstream/test"),
        ("ce_type", b"tagstream.photos.tagged.v1"),
        ("ce_time", b"2026-01-01T01:00:00+00:00"),
        ("ce_subject", b"img_a"),
        ("content-type", b"application/json"),
    )
    assert found.value == wire.encode(TAGGED)


async def test_the_trace_of_an_upload_goes_on_with_its_events(broker: Broker) -> None:
    told = Announcement(topic=topics.TAGGED, key="img_a", event=TAGGED, traceparent=TRACE)
    await (await broker.publisher()).announce([told])
    assert (await broker.only(topics.TAGGED)).headers[-1] == ("traceparent", TRACE.encode())


@pytest.mark.parametrize(("trace", "headers"), [(None, ()), (TRACE, (("traceparent", TRACE.encode()),))])
async def test_a_tombstone_is_no_event(
    broker: Broker, trace: str | None, headers: tuple[tuple[str, bytes], ...]
) -> None:
    told = Announcement(topic=topics.LATEST, key="img_a", event=None, traceparent=trace)
    await (await broker.publisher()).announce([told])
    found = await broker.only(topics.LATEST)
    assert (found.key, found.value, found.headers) == (b"img_a", None, headers)


async def test_what_is_said_to_the_workers_is_read_as_it_was_said(broker: Broker) -> None:
    uploaded = ImageUploaded(event_id="u", image_id="img_a", location=AT, uploaded_at=THEN)
    removed = ImageRemoved(event_id="r", image_id="img_a", location=AT, removed_at=NOW)
    decided = ModerationDecided(
        event_id="d", image_id="img_a", action=Decided.APPROVE, decided_at=NOW, decided_by="eve"
    )
    asked = RescoreRequested(
        event_id="s",
        image_id="img_a",
        claim=Claim.of(uploaded, POSITION),
        model_version="2",
        job="j",
        requested_at=NOW,
    )
    async with UploadPublisher(broker.settings) as uploads, DecisionPublisher(broker.settings) as decisions:
        await uploads.publish(uploaded, removed)
        await decisions.publish(decided)
    async with RescorePublisher(broker.settings) as requests:
        await requests.publish(asked)
    first, second = await broker.on(topics.UPLOADED)
    assert wire.decode(first.value, dict(first.headers)) == (wire.Uploaded(uploaded),)
    assert wire.decode(second.value, dict(second.headers)) == (wire.Removed(removed),)
    decision, request = await broker.only(topics.DECISIONS), await broker.only(topics.RESCORE)
    assert wire.decode_decision(decision.value, dict(decision.headers)) == decided
    assert wire.decode_rescore(request.value, dict(request.headers)) == asked
    every = (first, second, decision, request)
    assert {each.key for each in every} == {b"img_a"}
    assert [dict(each.headers)["ce_id"] for each in every] == [b"u", b"r", b"d", b"s"]


FIRST = Message(topics.UPLOADED, 2, 41, b"img_a", b"{}", (("traceparent", TRACE.encode()),))


async def test_a_message_that_was_deferred_and_then_dead_lettered_still_says_where_it_came_from(
    broker: Broker,
) -> None:
    publisher = await broker.publisher()
    await publisher.bury(letter(FIRST, topics.RETRY, attempts=1, due_at=NOW))
    deferred = await broker.only(topics.RETRY)
    assert wire_headers.origin(deferred) == FIRST.source
    assert (wire_headers.attempts(deferred.headers), wire_headers.due_at(deferred.headers)) == (1, NOW)
    await publisher.bury(letter(deferred, topics.DEAD_LETTERS, attempts=1, code="gone", exception="Gone"))
    dead = await broker.only(topics.DEAD_LETTERS)
    said = dict(dead.headers)
    assert wire_headers.origin(dead) == FIRST.source
    assert said["__connect.errors.topic"] == topics.UPLOADED.encode()
    assert (said["__connect.errors.partition"], said["__connect.errors.offset"]) == (b"2", b"41")
    assert said["__connect.errors.exception.class.name"] == b"Gone"
    assert wire_headers.due_at(dead.headers) is None
    assert said["traceparent"] == TRACE.encode()
    assert len(said) == len(dead.headers)


async def test_what_a_producer_writes_into_our_headers_is_not_believed(broker: Broker) -> None:
    forged = Message(topics.UPLOADED, 2, 41, b"k", b"{}", (("__connect.errors.topic", b"secrets"),))
    await (await broker.publisher()).bury(letter(forged, topics.DEAD_LETTERS))
    assert wire_headers.origin(await broker.only(topics.DEAD_LETTERS)) == FIRST.source


async def test_a_letter_is_sent_back_to_where_it_came_from_as_it_came(broker: Broker) -> None:
    publisher, redriver = await broker.publisher(), await broker.redriver()
    for times in (1, 2):
        came = (await broker.on(topics.UPLOADED) or (FIRST,))[-1]
        await publisher.bury(letter(came, topics.PARKING, attempts=5))
        await redriver.redrive((await broker.on(topics.PARKING))[-1])
        back = (await broker.on(topics.UPLOADED))[-1]
        assert (back.key, back.value) == (FIRST.key, FIRST.value)
        redriven = ("tagstream.redriven", str(times).encode())
        letter_of_it = wire_headers.redriven_letter(back.headers)
        assert letter_of_it == (await broker.on(topics.PARKING))[-1].source
        place = (wire_headers.REDRIVEN_LETTER, wire_headers.spelled(letter_of_it))
        assert sorted(back.headers) == sorted((*FIRST.headers, redriven, place))
        assert wire_headers.attempts(back.headers) == 0


async def test_a_letter_that_was_cut_is_not_sent_back_even_after_another_hop(broker: Broker) -> None:
    publisher, redriver = await broker.publisher(), await broker.redriver()
    large = Message(topics.UPLOADED, 2, 41, b"k", bytes(17_000_000))
    await publisher.bury(letter(large, topics.RETRY))
    cut = await broker.only(topics.RETRY)
    await publisher.bury(letter(cut, topics.DEAD_LETTERS))
    for each in (cut, await broker.only(topics.DEAD_LETTERS)):
        assert dict(each.headers)[wire_headers.TRUNCATED] == b"17000000"
        with pytest.raises(Malformed, match=f"the whole is at {topics.UPLOADED}, 2, 41"):
            await redriver.redrive(each)
    assert await broker.on(topics.UPLOADED) == ()


async def test_a_letter_in_place_of_records_that_nobody_could_read_is_not_sent_back(broker: Broker) -> None:
    publisher, redriver = await broker.publisher(), await broker.redriver()
    await publisher.bury(letter(FIRST, topics.DEAD_LETTERS, value=b"", last_offset=43, code="expired"))
    with pytest.raises(Malformed, match="nothing to send back"):
        await redriver.redrive(await broker.only(topics.DEAD_LETTERS))
    assert await broker.on(topics.UPLOADED) == ()


@pytest.mark.parametrize("origin", ["secrets", topics.TAGGED, topics.DEAD_LETTERS, topics.RETRY])
async def test_a_letter_is_sent_back_to_the_inbound_topics_alone(broker: Broker, origin: str) -> None:
    headers = tuple(wire_headers.carried(Message(origin, 0, 0, None, None)).items())
    good = Message(topics.PARKING, 0, 0, b"k", b"{}", tuple(wire_headers.carried(FIRST).items()))
    bad = Message(topics.DEAD_LETTERS, 0, 0, b"k", b"{}", headers)
    with pytest.raises(Malformed, match=origin):
        await (await broker.redriver()).redrive(good, bad)
    assert await broker.on(topics.UPLOADED) == ()


async def test_a_letter_without_a_value_goes_back_without_one(broker: Broker) -> None:
    name = uuid4().hex.encode()
    dead = Message(topics.DEAD_LETTERS, 0, 0, name, None, tuple(wire_headers.carried(FIRST).items()))
    await (await broker.redriver()).redrive(dead)
    found = await broker.only(topics.UPLOADED)
    assert (found.key, found.value) == (name, None)
