"""Several topics at once, as their messages come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from streams.adapters.kafka_connection import KafkaAddress
from streams.adapters.topic_reader import NoTopic, Offsets, TopicReader
from streams.message import Message

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
        said = await queue.get()
        if isinstance(said, BaseException):
            raise said
        yield said
