"""A topic of the embedded broker, read back whole as a consumer of it would."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from schemas.errors import Unavailable
from streams.adapters.broker import PARTITIONS, assert_complete
from streams.message import Message

SECONDS: Final = 30.0
"""For one topic; beyond it the broker is `Unavailable`."""

_POLL_MILLISECONDS: Final = 200


async def read_all(bootstrap: str, topic: str) -> tuple[Message, ...]:
    """Every record of `topic`, from its beginning to its end of now.

    In no group, so that reading moves nobody's offsets. Raises `RuntimeError` when the broker has
    dropped some of its records, `Unavailable` when it does not answer in time.
    """
    consumer = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        # Not a seek: the default's own way to the latest offset may overtake it, and nothing is read.
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(SECONDS):
            await consumer.start()  # type: ignore[no-untyped-call]
            return await _read(consumer, topic)
    except (KafkaError, TimeoutError) as error:
        raise Unavailable("broker", f"reading {topic}: {type(error).__name__}") from error
    finally:
        await consumer.stop()  # type: ignore[no-untyped-call]


async def _read(consumer: AIOKafkaConsumer, topic: str) -> tuple[Message, ...]:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)  # type: ignore[no-untyped-call]
    await assert_complete(consumer, topic)
    ends = await consumer.end_offsets(partitions)  # type: ignore[no-untyped-call]
    messages: list[Message] = []
    while await _is_behind(consumer, ends):
        for batch in (await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)).values():
            messages.extend(map(_message, batch))
    return tuple(messages)


async def _is_behind(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:  # type: ignore[no-untyped-call]
            return True
    return False


def _message(record: ConsumerRecord) -> Message:  # type: ignore[type-arg]
    headers = tuple(record.headers)
    return Message(record.topic, record.partition, record.offset, record.key, record.value, headers)
