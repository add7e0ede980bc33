"""What the publishers make of letters of any size and of brokers that fail, freeze or are not there."""

from __future__ import annotations

import asyncio
import gc
import inspect
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import aiokafka.errors
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownTopicOrPartitionError,
)

from schemas import topics
from schemas.errors import Unavailable
from schemas.events import Action, Announcement, DeadLetter, ModerationRequested
from schemas.tags import ModelRef, Route
from schemas.uploads import Location, Position
from schemas.wire.headers import PREFIX as CAUSE_PREFIX
from schemas.wire.headers import TRUNCATED
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.letters import BRIEF_BYTES, CAUSE_BYTES
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher
from tests.freezing import freeze, thaw
from tests.listener import Listener, nobody

from .broker_of_its_own import broker_of_its_own

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOCATION = Location(bucket="photos", key="a.jpg")


def announcement(number: int = 0) -> Announcement:
    event = ModerationRequested(
        event_id=f"event-{number}",
        image_id="img_a",
        position=Position(uploaded_at=NOW, partition=0, offset=number, event_id=f"upload-{number}"),
        model=ModelRef(name="m", version="1", digest="d"),
        action=Action.ADDED,
        label="menu",
        location=LOCATION,
        why=Route(topic=topics.MODERATION, label="menu", probability=0.9, threshold=0.5, rule="menu >= 0.5"),
    )
    return Announcement(topic=topics.MODERATION, key="img_a", event=event)


def letter(topic: str, **given: object) -> DeadLetter:
    said: dict[str, object] = {
        "key": b"img_a",
        "value": b"{}",
        "source": (topics.UPLOADED, 3, 41),
        "image_id": "img_a",
        "stage": "fetch",
        "code": "gone",
        "exception": "Gone",
        "message": "s3://photos/a.jpg does not exist",
        "topic": topic,
    }
    return DeadLetter.model_validate(said | given)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
async def publisher(broker: EmbeddedBroker) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(ProducerSettings(bootstrap=broker.bootstrap)) as running:
        yield running


async def read_one(broker: EmbeddedBroker, topic: str) -> ConsumerRecord[bytes, bytes]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    async with consumer, asyncio.timeout(20):
        return await consumer.getone()


async def test_a_letter_says_why_under_kafka_connects_names(
    broker: EmbeddedBroker, publisher: KafkaPublisher
) -> None:
    await publisher.bury(letter("why"))
    found = dict((await read_one(broker, "why")).headers)
    assert found == {
        "__connect.errors.topic": b"photos.uploaded.v1",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.stage": b"fetch",
        "__connect.errors.code": b"gone",
        "__connect.errors.image_id": b"img_a",
        "__connect.errors.exception.class.name": b"Gone",
        "__connect.errors.exception.message": b"s3://photos/a.jpg does not exist",
    }


async def test_causes_of_an_earlier_hop_are_replaced_and_other_headers_stay(
    broker: EmbeddedBroker, publisher: KafkaPublisher
) -> None:
    came = (
        ("traceparent", b"00-1-2-01"),
        (f"{CAUSE_PREFIX}code", b"undecodable"),
        (f"{CAUSE_PREFIX}exception.stacktrace", b"old"),
        ("traceparent", b"00-3-4-01"),
    )
    await publisher.bury(letter("hop", headers=came))
    headers = (await read_one(broker, "hop")).headers
    assert [value for name, value in headers if name == "traceparent"] == [b"00-1-2-01", b"00-3-4-01"]
    assert [value for name, value in headers if name == f"{CAUSE_PREFIX}code"] == [b"gone"]
    assert f"{CAUSE_PREFIX}exception.stacktrace" not in dict(headers)


async def test_long_causes_are_capped_and_of_a_stack_trace_the_end_is_kept(
    broker: EmbeddedBroker, publisher: KafkaPublisher
) -> None:
    await publisher.bury(letter("long", message="é" * 9_000, trace="x" * 9_000 + "the end"))
    headers = dict((await read_one(broker, "long")).headers)
    message = headers[f"{CAUSE_PREFIX}exception.message"]
    assert CAUSE_BYTES - 1 <= len(message) <= CAUSE_BYTES
    assert set(message.decode()) == {"é"}
    assert headers[f"{CAUSE_PREFIX}exception.stacktrace"].endswith(b"the end")


@pytest.fixture
async def narrow(broker: EmbeddedBroker) -> AsyncIterator[KafkaPublisher]:
    """A publisher that knows what the topic takes: the embedded broker takes everything."""
    settings = ProducerSettings(bootstrap=broker.bootstrap, max_letter_bytes=1024 * 1024)
    async with KafkaPublisher(settings) as running:
        yield running


async def test_a_letter_is_whole_where_the_topic_takes_it(
    broker: EmbeddedBroker, publisher: KafkaPublisher
) -> None:
    value = random.Random(0).randbytes(1_500_000)
    came = (("theirs", bytes(100_000)),)
    await publisher.bury(letter("whole", value=value, headers=came, trace="x" * 9_000))
    found = await read_one(broker, "whole")
    assert found.value == value
    assert TRUNCATED not in dict(found.headers)
    assert len(dict(found.headers)["theirs"]) == 100_000


async def test_what_we_say_of_it_is_shortened_before_a_letter_is_cut(
    broker: EmbeddedBroker, narrow: KafkaPublisher
) -> None:
    value = bytes(1024 * 1024 - 2_000)
    await narrow.bury(letter("brief", value=value, trace="x" * 9_000, message="y" * 9_000))
    found = await read_one(broker, "brief")
    assert found.value == value
    assert len(dict(found.headers)[f"{CAUSE_PREFIX}exception.stacktrace"]) == BRIEF_BYTES
    assert TRUNCATED not in dict(found.headers)


async def test_a_letter_too_large_for_the_broker_is_cut_and_says_so(
    broker: EmbeddedBroker, narrow: KafkaPublisher
) -> None:
    value = b"start" + bytes(3_000_000)
    await narrow.bury(letter("large", value=value))
    found = await read_one(broker, "large")
    assert found.key == b"img_a"
    assert found.value is not None
    assert value.startswith(found.value)
    assert len(found.value) == 256 * 1024
    assert dict(found.headers)[TRUNCATED] == b"3000005"


@pytest.mark.parametrize(
    ("topic", "given"),
    [
        ("large-headers", {"headers": (("huge", bytes(3_000_000)),)}),
        ("large-key", {"key": bytes(3_000_000)}),
        ("large-all", {"headers": (("huge", bytes(3_000_000)),), "key": bytes(2**21), "value": bytes(2**21)}),
    ],
)
async def test_a_letter_too_large_by_its_key_or_headers_is_cut_as_well(
    broker: EmbeddedBroker, narrow: KafkaPublisher, topic: str, given: dict[str, object]
) -> None:
    await narrow.bury(letter(topic, **given))
    found = await read_one(broker, topic)
    assert dict(found.headers)[f"{CAUSE_PREFIX}code"] == b"gone"
    assert TRUNCATED in dict(found.headers)


class FailingProducer:
    """A producer that refuses to queue, or whose deliveries fail, with the errors it was given in turn."""

    def __init__(
        self,
        *,
        queueing: Sequence[Exception] = (),
        delivery: Sequence[Exception] = (),
        stopping: Sequence[Exception] = (),
    ) -> None:
        self._queueing = list(queueing)
        self._delivery = list(delivery)
        self._stopping = list(stopping)
        self.sent: list[tuple[str, bytes | None]] = []
        self.stopped = False
        self.client = SimpleNamespace(close=self._nothing)
        self._message_accumulator = SimpleNamespace(fail_all=lambda _: None, _batches={}, _pending_batches=[])

    async def start(self) -> None:
        await self._nothing()

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[None]:
        del key, headers
        if self._queueing:
            raise self._queueing.pop(0)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._delivery:
            done.set_exception(self._delivery.pop(0))
        else:
            self.sent.append((topic, value))
            done.set_result(None)
        return done

    async def flush(self) -> None:
        await self._nothing()

    async def stop(self) -> None:
        self.stopped = True
        if self._stopping:
            raise self._stopping.pop(0)

    async def _nothing(self) -> None:
        return None


@asynccontextmanager
async def publishing_through(*producers: FailingProducer) -> AsyncIterator[KafkaPublisher]:
    made = iter(producers)
    async with KafkaPublisher(ProducerSettings(bootstrap="unused"), lambda: next(made)) as publisher:
        yield publisher


@pytest.mark.parametrize("fatal", [ProducerFenced(), OutOfOrderSequenceNumber(), KafkaError("sender died")])
@pytest.mark.parametrize("when", ["queueing", "delivery"])
async def test_a_producer_that_has_failed_is_replaced_by_the_next_call(fatal: Exception, when: str) -> None:
    failed = FailingProducer(**{when: [fatal]})
    fresh = FailingProducer()
    async with publishing_through(failed, fresh) as publisher:
        with pytest.raises(Unavailable) as caught:
            await publisher.announce([announcement()])
        await publisher.announce([announcement()])
    assert caught.value.dependency == "broker"
    assert failed.stopped
    assert len(fresh.sent) == 1


async def test_a_producer_whose_sender_stumbles_over_its_end_spoils_neither_the_next_nor_the_closing() -> (
    None
):
    failed = FailingProducer(delivery=[KafkaError("no answer")], stopping=[KeyError("a batch")])
    fresh = FailingProducer(stopping=[KeyError("a batch")])
    async with publishing_through(failed, fresh) as publisher:
        with pytest.raises(Unavailable):
            await publisher.announce([announcement()])
        await publisher.announce([announcement()])
    assert (failed.stopped, fresh.stopped, len(fresh.sent)) == (True, True, 1)


async def test_a_refusal_of_one_message_does_not_replace_the_producer() -> None:
    only = FailingProducer(queueing=[UnknownTopicOrPartitionError()])
    async with publishing_through(only) as publisher:
        with pytest.raises(Unavailable):
            await publisher.announce([announcement()])
        await publisher.announce([announcement()])
    assert len(only.sent) == 1


async def test_a_letter_that_the_broker_itself_refuses_for_its_size_is_cut() -> None:
    unharmed, fresh = FailingProducer(), FailingProducer()
    refused = [FailingProducer(delivery=[MessageSizeTooLargeError()]) for _ in range(2)]
    async with publishing_through(unharmed, *refused, fresh) as publisher:
        await publisher.bury(letter("dlq", value=bytes(600_000)))
        assert not unharmed.stopped  # whoever waits for its events is not disturbed
    assert fresh.sent == [("dlq", bytes(256 * 1024))]


async def test_a_broker_that_refuses_every_size_is_unavailable() -> None:
    refusing = FailingProducer(queueing=[MessageSizeTooLargeError() for _ in range(5)])
    async with publishing_through(refusing) as publisher:
        with pytest.raises(Unavailable):
            await publisher.bury(letter("dlq"))


def _kafka_errors() -> Iterator[type[KafkaError]]:
    for _, found in inspect.getmembers(aiokafka.errors, inspect.isclass):
        if issubclass(found, KafkaError):
            yield found


@pytest.mark.parametrize("kind", list(_kafka_errors()), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("when", ["queueing", "delivery"])
async def test_no_error_of_kafka_leaks(kind: type[KafkaError], when: str) -> None:
    said = {"__init__": Exception.__init__, "errno": getattr(kind, "errno", -1)}
    made = type(kind.__name__, (kind,), said)()
    async with publishing_through(FailingProducer(**{when: [made]})) as publisher:
        with pytest.raises(Unavailable):
            await publisher.announce([announcement()])


def impatient(bootstrap: str) -> ProducerSettings:
    return ProducerSettings(bootstrap=bootstrap, request_seconds=0.5, acknowledge_seconds=1.0)


async def test_a_broker_that_is_not_there_at_the_start_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await KafkaPublisher(impatient(nobody())).__aenter__()


async def test_a_port_that_never_answers_is_unavailable_within_the_limit() -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with Listener(say_nothing) as listener, asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await KafkaPublisher(impatient(listener.address)).__aenter__()


async def test_a_broker_that_freezes_is_unavailable_to_all_until_it_thaws(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with broker_of_its_own() as (pid, bootstrap), KafkaPublisher(impatient(bootstrap)) as publisher:
        await publisher.announce([announcement()])
        freeze(pid)
        calls = (publisher.announce([announcement(number)]) for number in range(8))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        for ask in (publisher.ping(), publisher.announce([announcement()])):
            with pytest.raises(Unavailable):
                await ask
        thaw(pid)
        await publisher.announce([announcement()])
        await publisher.ping()
    gc.collect()
    assert "never retrieved" not in caplog.text
    assert "was destroyed" not in caplog.text


async def test_a_publisher_whose_broker_is_away_still_closes() -> None:
    async with (
        broker_of_its_own() as (pid, bootstrap),
        asyncio.timeout(15),
        KafkaPublisher(ProducerSettings(bootstrap=bootstrap, flush_seconds=0.3)) as publisher,
    ):
        await publisher.announce([announcement()])
        freeze(pid)
        waiting = asyncio.ensure_future(publisher.announce([announcement()]))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])
