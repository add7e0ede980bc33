"""Batches that cannot be unpacked, sent as they are to the embedded broker, which looks at nothing."""

from __future__ import annotations

import asyncio
import gzip
import resource
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import cramjam
import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Producer

from streams.adapters.kafka import unread
from streams.adapters.kafka.admin import Declared, TopicAdmin
from streams.adapters.kafka.inflation import MOST_BYTES
from streams.adapters.kafka.reader import TopicReader
from tests import raw_batches as batches
from tests.seen import Tell

CODECS = ["gzip", "snappy", "lz4", "zstd"]
"""In the order of Kafka's numbers, from 1 on."""
THREE = batches.sound([b"1", b"2", b"3"])

DAMAGED: Mapping[str, bytes] = {
    "a codec that nobody knows": batches.with_payload(THREE, b"?", codec=batches.UNKNOWN_CODEC),
    **{
        f"no {name}": batches.with_payload(THREE, b"this is none", codec=codec)
        for codec, name in enumerate(CODECS, start=1)
    },
    "gzip that ends early": batches.with_payload(
        THREE, batches.compressed([b"1", b"2", b"3"])[61:-9], codec=batches.GZIP
    ),
    "a wrong checksum": batches.bad_checksum(THREE),
    "a header that is no text": batches.sound([b"1", b"2", b"3"], header=b"\xff\xfe"),
    "too long a length": batches.bad_length(THREE),
    "too short a length": batches.too_short(THREE),
}


async def read(bootstrap: str, topic: str) -> tuple[list[bytes | None], list[Any]]:
    """The values, and what was said beside them."""
    with structlog.testing.capture_logs() as said:
        async with TopicReader(bootstrap, topic, seconds=10) as reader:
            return [message.value async for message in reader.read()], list(said)


@pytest.mark.parametrize("kind", DAMAGED)
async def test_a_batch_that_cannot_be_unpacked_is_named_and_what_stands_around_it_is_read(
    embedded: str, kind: str
) -> None:
    topic = f"damaged-{uuid4().hex}"
    around = batches.sound([b"before"]), batches.sound([b"after"])
    assert await batches.produce(embedded, topic, 0, around[0], DAMAGED[kind], around[1]) == [0, 0, 0]
    values, said = await read(embedded, topic)
    assert values == [b"before", b"after"]
    assert {each["event"] for each in said} == {"topic.records_unread"}
    named = [offset for each in said for offset in range(each["first"], each["last"] + 1)]
    assert named == [1, 2, 3]
    assert all(each["cause"] for each in said)


def bombs() -> dict[str, bytes]:
    """Payloads far smaller than what they unpack to, and a second member of gzip behind an innocent one."""
    zeros = bytes(MOST_BYTES + 1)
    return {
        "gzip": gzip.compress(b"{}") + gzip.compress(zeros, 1),
        "zstd": bytes(cramjam.zstd.compress(zeros)),
        "lz4": bytes(cramjam.lz4.compress(zeros)),
        "snappy": b"\xff\xff\xff\xff\x0f" + b"\x00" * 20,
    }


async def test_a_batch_that_would_unpack_to_more_than_memory_holds_is_named_and_passed_over(
    embedded: str, tell: Tell
) -> None:
    topic = f"bombs-{uuid4().hex}"
    for name, payload in bombs().items():
        tell(f"bomb: {len(payload):,} bytes of {name}")
        bomb = batches.with_payload(THREE, payload, codec=CODECS.index(name) + 1)
        assert await batches.produce(embedded, topic, 0, bomb, batches.sound([name.encode()])) == [0, 0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values, said = await read(embedded, topic)
    assert values == [b"gzip", b"zstd", b"lz4", b"snappy"]
    assert [(each["first"], each["last"]) for each in said] == [(n, n + 2) for n in (0, 4, 8, 12)]
    assert {each["cause"] for each in said} == {"TooInflated: it unpacks to more than 128 MB"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3 * MOST_BYTES // 1024


async def test_a_large_batch_within_the_bound_is_read(embedded: str) -> None:
    topic = f"large-{uuid4().hex}"
    large = batches.sound([bytes(2_000_000)] * 3, room=10_000_000)
    for codec, pack in ((1, gzip.compress), (3, cramjam.lz4.compress), (4, cramjam.zstd.compress)):
        made = batches.with_payload(large, bytes(pack(large[61:])), codec=codec)
        assert await batches.produce(embedded, topic, 0, made) == [0]
    values, said = await read(embedded, topic)
    assert (values, said) == ([bytes(2_000_000)] * 9, [])


async def test_of_a_batch_with_one_damaged_record_those_before_it_are_read(embedded: str) -> None:
    topic = f"damaged-{uuid4().hex}"
    broken = batches.sealed(THREE[:-8] + b"\x7f" * 8)
    await batches.produce(embedded, topic, 0, broken, batches.sound([b"after"]))
    values, said = await read(embedded, topic)
    assert values == [b"1", b"2", b"after"]
    assert [(each["first"], each["last"]) for each in said] == [(2, 2)]


async def test_a_wrong_checksum_cannot_claim_the_offsets_of_the_batch_behind_it(embedded: str) -> None:
    topic = f"damaged-{uuid4().hex}"
    await batches.produce(
        embedded, topic, 0, batches.claiming(THREE, last=500), *[batches.sound([b"after"])] * 9
    )
    values, said = await read(embedded, topic)
    assert values == [b"after"] * 9
    assert [offset for each in said for offset in range(each["first"], each["last"] + 1)] == [0, 1, 2]


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_of_kafka_is_read(bootstrap: str, codec: str) -> None:
    topic = f"codec-{codec}-{uuid4().hex}"
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(topic, 1, 1)])
    values = [b"%d " % number * 100 for number in range(50)]
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 100})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(30) == 0
    assert await read(bootstrap, topic) == (values, [])


async def test_who_reads_from_the_beginning_is_told_how_many_records_are_gone(embedded: str) -> None:
    topic = f"gone-{uuid4().hex}"
    async with AIOKafkaProducer(bootstrap_servers=embedded) as producer:
        for _ in range(60):
            await producer.send_and_wait(topic, bytes(200_000), partition=1)
    with structlog.testing.capture_logs() as said:
        async with TopicReader(embedded, topic, seconds=10) as reader:
            begin = await reader.oldest()
            from_zero = [message.offset async for message in reader.read({1: 0})]
    (gone, unread) = said
    assert (gone["event"], gone["count"], gone["partitions"]) == (
        "topic.records_gone",
        begin[1],
        {1: begin[1]},
    )
    assert (unread["event"], unread["first"], unread["last"]) == ("topic.records_unread", 0, begin[1] - 1)
    assert from_zero == list(range(begin[1], 60))


async def test_an_ordinary_consumer_of_aiokafka_stops_at_such_a_batch_for_ever(embedded: str) -> None:
    """The reason for all this; where it passes, the watch can go."""
    topic = f"damaged-{uuid4().hex}"
    await batches.produce(embedded, topic, 0, DAMAGED["no zstd"], batches.sound([b"after"]))
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=embedded, auto_offset_reset="earliest")
    async with consumer:
        for _ in range(3):
            with pytest.raises(Exception, match="Unknown frame"):
                await consumer.getone()


async def test_what_the_fetcher_cancels_ends_in_order_as_all_that_it_starts(embedded: str) -> None:
    """It asks for the result, and a cancellation would end it: nothing would be fetched any more."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=embedded)
    async with consumer:
        unread.watch(consumer, rewound=lambda *_: None)
        state = SimpleNamespace(
            has_valid_position=False, awaiting_reset=False, fetch_committed=asyncio.Event().wait
        )
        assignment = SimpleNamespace(active=False, state_value=lambda _tp: state)
        placing = asyncio.ensure_future(consumer._fetcher._update_fetch_positions(assignment, 1, [None]))
        await asyncio.sleep(0)
        placing.cancel()
        assert await placing is False
