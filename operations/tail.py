"""Follows topics: one from a given start, or several from now on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from schemas.errors import ConfigurationError
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.reader import NoTopic, Offsets, TopicReader
from streams.message import Message


class End(Enum):
    """The two ends of a topic."""

    EARLIEST = "earliest"
    LATEST = "latest"


Start = End | int | datetime
"""Where to begin: at one end, at an offset of every partition, or at a time."""

Write = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class TailRequest:
    """What is to be shown."""

    topic: str
    start: Start
    limit: int | None = None


def start(given: str) -> Start:
    """The beginning that `given` means; raises `ConfigurationError`."""
    if given in {end.value for end in End}:
        return End(given)
    if given.isascii() and given.isdigit():
        return int(given)
    return moment(given, option="--from", instead="earliest, latest, an offset, or ")


def moment(given: str, *, option: str, instead: str = "") -> datetime:
    """The time that `given` spells, this machine's zone where it names none; raises `ConfigurationError`."""
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{option} {given}: {instead}a time is wanted, as in 2026-11-22 or 2026-11-22T08:30:00+01:00"
        ) from None


async def tail(asked: TailRequest, config: Settings, write: Write) -> None:
    """Write what is there and what comes, until cancelled or the limit is reached."""
    async with TopicReader(kafka_connection(config), asked.topic) as reader:
        begin = await _offsets(reader, asked.start)
        shown = 0
        async for message in reader.follow(begin):
            write(message)
            shown += 1
            if shown == asked.limit:
                return


async def _offsets(reader: TopicReader, start: Start) -> Offsets:
    match start:
        case End.EARLIEST:
            return await reader.oldest()
        case End.LATEST:
            return await reader.ends()
        case int():
            return dict.fromkeys(reader.partitions, start)
        case _:
            return await reader.offsets_for(start)


_AHEAD: Final = 1000
"""Messages read before somebody takes them."""

_Queue = asyncio.Queue[Message | BaseException]


@asynccontextmanager
async def followed(bootstrap: KafkaAddress, names: Iterable[str]) -> AsyncIterator[AsyncIterator[Message]]:
    """What is written to the topics from now on: the block begins when "now" is fixed.

    A topic that the broker does not have is left out.
    """
    queue: _Queue = asyncio.Queue(_AHEAD)
    async with AsyncExitStack() as stack:
        tasks = []
        for name in names:
            with contextlib.suppress(NoTopic):
                reader = await stack.enter_async_context(TopicReader(bootstrap, name))
                tasks.append(asyncio.create_task(_forward(reader, await reader.ends(), queue)))
        try:
            yield _taken(queue)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(reader: TopicReader, start: Offsets, queue: _Queue) -> None:
    try:
        async for message in reader.follow(start):
            await queue.put(message)
    except Exception as error:  # noqa: BLE001 - raised again by whoever takes the messages
        await queue.put(error)


async def _taken(queue: _Queue) -> AsyncIterator[Message]:
    while True:
        received = await queue.get()
        if isinstance(received, BaseException):
            raise received
        yield received
