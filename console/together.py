"""Work side by side for one request: all of it, or the first error and nothing that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")


AT_ONCE: Final = 8
"""Of one request: a caller with many photographs does not stand before the others with all of them."""


async def together(work: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """What each brings, in order, so many at once; the first that raises cancels the others."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(each: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await each()

    tasks = [asyncio.create_task(in_turn(each)) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
