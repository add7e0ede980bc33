"""`python -m benchmarks.reading [BOOTSTRAP]`: what the topic reader costs beside aiokafka's bare `getmany`.

Over the embedded broker unless one is named. Both read the same records in turn, and the ratio of the
medians is what travels: the figures themselves belong to the machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final, NamedTuple
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition

from streams.adapters.kafka.admin import Declared, TopicAdmin
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.consumer import groupless
from streams.adapters.kafka.reader import TopicReader

RECORDS: Final = 40_000
BYTES: Final = 300
"""Of one record; all together less than the embedded broker keeps."""
PARTITIONS: Final = 4
ROUNDS: Final = 5


class Cost(NamedTuple):
    """Of one record: microseconds that pass, and microseconds of CPU."""

    wall: float
    cpu: float


async def measure(bootstrap: str) -> None:
    """Write the records, read them in both ways in turn, and print the medians."""
    topic = f"benchmark-{uuid4().hex}"
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(topic, PARTITIONS, 1)])
    await _write(bootstrap, topic)
    bare, reader = [], []
    for _ in range(ROUNDS):
        bare.append(await _cost(lambda: _bare(bootstrap, topic)))
        reader.append(await _cost(lambda: _reader(bootstrap, topic)))
    for name, costs in (("getmany", bare), ("TopicReader", reader)):
        wall, cpu = (median(each) for each in zip(*costs, strict=True))
        print(f"{name:12} {1e6 / wall:10,.0f} records/s {cpu:6.1f} us of CPU a record")
    print(f"ratio of CPU {median(c.cpu for c in reader) / median(c.cpu for c in bare):10.2f}")


async def _cost(read: Callable[[], Awaitable[int]]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    count = await read()
    if count != RECORDS:
        raise RuntimeError(f"read {count} records of {RECORDS}")
    return Cost((time.perf_counter() - wall) / count * 1e6, (time.process_time() - cpu) / count * 1e6)


async def _bare(bootstrap: str, topic: str) -> int:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with groupless(bootstrap, seconds=30) as consumer:
        consumer.assign(partitions)
        count = 0
        while count < RECORDS:
            batches = await consumer.getmany(timeout_ms=200)
            count += sum(map(len, batches.values()))
    return count


async def _reader(bootstrap: str, topic: str) -> int:
    count = 0
    async with TopicReader(bootstrap, topic) as reader:
        async for _ in reader.read():
            count += 1
    return count


async def _write(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)  # type: ignore[no-untyped-call]
    async with producer:
        for number in range(RECORDS):
            await producer.send(  # type: ignore[no-untyped-call]
                topic, bytes(BYTES), partition=number % PARTITIONS
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(measure(sys.argv[1]))
    else:
        with EmbeddedBroker() as broker:
            asyncio.run(measure(broker.bootstrap))
