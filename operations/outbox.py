"""Outbox that is opened with the first event: where there is no broker all else is done nevertheless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Generic, Protocol, TypeVar

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class EventSink(Protocol[E_contra]):
    """Where events go; the publishers of Kafka are such."""

    async def publish(self, *events: E_contra) -> None:
        """In order; return when every in-sync replica has each. Raises `Unavailable`."""


class Outbox(Generic[E]):
    """Owns what it opens until it is closed."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[EventSink[E]]]) -> None:
        self._opened = opened
        self._stack = AsyncExitStack()
        self._sink: EventSink[E] | None = None
        self._opening = asyncio.Lock()

    async def publish(self, *events: E) -> None:
        """See `EventSink.publish`."""
        async with self._opening:
            if self._sink is None:
                self._sink = await self._stack.enter_async_context(self._opened())
        await self._sink.publish(*events)

    async def close(self) -> None:
        """Until what was queued is sent."""
        await self._stack.aclose()
