"""Self-healing producer: one idempotent producer that is replaced when it fails.

An idempotent producer of aiokafka never gives up on a batch, and once a delivery has failed for good
its sequence numbers have a gap: every later batch of that partition would be refused. So a producer
that has failed, or has not acknowledged within the limit, is abandoned with all that it still holds;
whoever waits on it gets `Unavailable`, and the next call starts a fresh one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Literal, Protocol, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner
from pydantic import Field, InstanceOf

from schemas.errors import Unavailable
from streams.adapters.kafka.connection import KafkaConnection
from streams.adapters.kafka.diagnosis import FOREIGN, starting, words
from streams.adapters.kafka.settings import EventSettings

log = structlog.get_logger(__name__)

_KAFKAS: Final[Any] = DefaultPartitioner()

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

_ABOUT_ONE_MESSAGE: Final = (
    *_TOO_LARGE,
    InvalidTopicError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
"""Refusals before a message is queued: the producer itself is as good as before."""


class ProducerSettings(EventSettings):
    """Where the broker is and how long it may take."""

    bootstrap: str | InstanceOf[KafkaConnection]
    """`host:port`, several by commas, or the connection that says more."""
    linger_ms: int = Field(default=5, ge=0)
    compression: Literal["lz4", "gzip"] | None = "lz4"
    """gzip packs a little tighter, for ten times the processor time; every client of Kafka reads both."""
    max_request_bytes: int = Field(default=1024 * 1024, ge=1024)
    """The largest message that is tried; no more than the broker's `message.max.bytes`."""
    max_letter_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """The largest letter that is tried whole; beyond what its topic takes, the broker refuses it."""
    request_seconds: float = Field(default=10.0, gt=0)
    acknowledge_seconds: float = Field(default=30.0, gt=0)
    """From the call to the last acknowledgement; beyond it the broker is `Unavailable`."""
    flush_seconds: float = Field(default=5.0, gt=0)
    """What a closing or abandoned producer may take; nobody waits for its messages any more."""

    @property
    def for_letters(self) -> Self:
        """The same for messages that came from the broker: what it took once it may take again."""
        return self.model_copy(
            update={"max_request_bytes": max(self.max_request_bytes, self.max_letter_bytes)}
        )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What goes to the broker, all bytes; without a value it is a tombstone of its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Producer(Protocol):
    """What an outbox uses of aiokafka's producer."""

    client: Any

    async def start(self) -> None:
        """Connect."""

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Queue one message; the future is its acknowledgement."""

    async def flush(self) -> None:
        """Wait for everything that is queued."""

    async def stop(self) -> None:
        """Wait for everything that is queued, and disconnect."""


class TooLargeForBroker(Exception):
    """The broker, or the producer on its behalf, refuses a message of this size."""


class RestartingProducer:
    """Sends messages and waits for every in-sync replica, replacing its producer when that has failed."""

    def __init__(self, settings: ProducerSettings, produce: Callable[[], Producer] | None = None) -> None:
        self._settings = settings
        self._produce = produce or (lambda: _producer(settings))
        self._producer: Producer | None = None
        self._starting: asyncio.Task[Producer] | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._current()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._starting:
            await asyncio.wait([self._starting])
        producer, self._producer = self._producer, None
        if producer:
            await _flush(producer, seconds=self._settings.flush_seconds)
            await self._abandon(producer)
        await asyncio.gather(*self._abandoned)

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Queue the messages in order, then wait for all acknowledgements.

        Raises:
            TooLargeForBroker: one of them is; others may have been sent.
            Unavailable: not all are acknowledged; some may have been.
        """
        producer = await self._current()
        try:
            async with asyncio.timeout(self._settings.acknowledge_seconds):
                queued = [await self._queue(producer, each) for each in messages]
                await self._delivered(producer, queued)
        except _TOO_LARGE as error:
            raise TooLargeForBroker(str(error)) from error
        except TimeoutError as error:
            self._retire(producer)
            raise _unavailable(error) from error
        except FOREIGN as error:
            raise _unavailable(error) from error

    async def ping(self) -> None:
        """Return when the broker answers a question about its topics."""
        producer = await self._current()
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                if not await producer.client.force_metadata_update():
                    raise Unavailable("broker", "no broker answers")
        except FOREIGN as error:
            raise _unavailable(error) from error

    async def _queue(self, producer: Producer, message: Outgoing) -> asyncio.Future[Any]:
        try:
            acknowledged = await producer.send(
                message.topic, message.value, key=message.key, headers=list(message.headers)
            )
        except _ABOUT_ONE_MESSAGE:
            raise
        except KafkaError:
            self._retire(producer)
            raise
        acknowledged.add_done_callback(_look_at)
        return acknowledged

    async def _delivered(self, producer: Producer, acknowledged: list[asyncio.Future[Any]]) -> None:
        try:
            await asyncio.gather(*acknowledged)
        except KafkaError:
            self._retire(producer)
            raise

    async def _current(self) -> Producer:
        """The producer; the first caller after a failure starts it and the others wait for the same start."""
        if self._producer:
            return self._producer
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
            self._starting.add_done_callback(_look_at)
        return await asyncio.shield(self._starting)

    async def _start(self) -> Producer:
        producer = self._produce()
        try:
            async with starting(self._settings.bootstrap, seconds=self._settings.request_seconds):
                await producer.start()
        except BaseException:
            await self._abandon(producer)
            raise
        else:
            self._producer = producer
            return producer
        finally:
            self._starting = None

    def _retire(self, producer: Producer) -> None:
        """Never use the producer again, and fail whoever else waits on it."""
        if self._producer is not producer:
            return
        self._producer = None
        closing = asyncio.get_running_loop().create_task(self._abandon(producer))
        self._abandoned.add(closing)
        closing.add_done_callback(self._abandoned.discard)

    async def _abandon(self, producer: Producer) -> None:
        await _abandon(producer, seconds=self._settings.flush_seconds)


def _producer(settings: ProducerSettings) -> Producer:
    producer: Producer = AIOKafkaProducer(  # type: ignore[no-untyped-call]
        **KafkaConnection.to(settings.bootstrap).options,
        acks="all",
        enable_idempotence=True,
        linger_ms=settings.linger_ms,
        compression_type=settings.compression,
        partitioner=partition_of,
        max_request_size=settings.max_request_bytes,
        request_timeout_ms=int(settings.request_seconds * 1000),
    )
    return producer


def partition_of(key: bytes | None, every: Sequence[int], available: Sequence[int]) -> int:
    """Kafka's own partitioning; a key that goes to several topics is hashed once."""
    if key is None:
        chosen: int = _KAFKAS(key, every, available)
        return chosen
    return every[_place(key, len(every))]


@lru_cache(maxsize=512)
def _place(key: bytes, partitions: int) -> int:
    place: int = _KAFKAS(key, range(partitions), ())  # in Python it is slow
    return place


async def _flush(producer: Producer, *, seconds: float) -> None:
    """Give messages whose callers were cancelled their chance."""
    try:
        async with asyncio.timeout(seconds):
            await producer.flush()
    except FOREIGN:
        return


async def _abandon(producer: Producer, *, seconds: float) -> None:
    """Fail all that the producer still holds, and close it.

    `stop` alone waits for every queued batch, which an idempotent producer never gives up: with the
    broker away a worker would never exit. Hence the private accumulator (aiokafka is pinned, and a
    test stops a worker whose broker is away).
    """
    held: Any = producer
    accumulator = held._message_accumulator  # noqa: SLF001
    for batch in (*chain.from_iterable(accumulator._batches.values()), *accumulator._pending_batches):  # noqa: SLF001
        batch._drain_waiter.add_done_callback(_look_at)  # noqa: SLF001
    accumulator.fail_all(KafkaError("the producer was abandoned"))
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except Exception as error:  # noqa: BLE001 - its sender stumbles over what was failed beneath it: a KeyError
        log.debug("producer.abandoned", cause=repr(error))
    finally:
        await producer.client.close()


def _look_at(done: asyncio.Future[Any]) -> None:
    """Take note of the outcome, so that a failure nobody waits for is not reported as forgotten."""
    if not done.cancelled():
        done.exception()


def _unavailable(error: BaseException) -> Unavailable:
    return Unavailable("broker", words(error))
