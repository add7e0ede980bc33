"""Work side by side for one request: all of it in order, or the first error and nothing that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from console.together import AT_ONCE, together


async def test_what_each_brings_comes_in_order() -> None:
    async def brought(number: int) -> int:
        await asyncio.sleep(0.001 * (3 - number))
        return number

    assert await together(partial(brought, number) for number in range(3)) == [0, 1, 2]


async def test_no_more_than_so_many_are_under_way_at_once() -> None:
    running, most = 0, 0

    async def counted() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await together(counted for _ in range(5 * AT_ONCE))
    assert most == AT_ONCE


async def test_the_first_error_ends_the_others() -> None:
    ended: list[int] = []

    async def waits(number: int) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(number)
            raise

    async def fails() -> None:
        raise KeyError

    work: list[Callable[[], Awaitable[None]]] = [partial(waits, 0), fails, partial(waits, 1)]
    with pytest.raises(KeyError):
        await together(work)
    await asyncio.sleep(0)
    assert ended == [0, 1]
