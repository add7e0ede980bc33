"""Bounded tasks: a few at once, answers as each is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


async def as_done(
    items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, Made]], *, at_once: int
) -> AsyncGenerator[Made, None]:
    """What `work` makes of each item, as each is done. Close it: it owns the tasks that it started."""
    waiting = iter(items)
    pending = {asyncio.create_task(work(item)) for item in islice(waiting, at_once)}
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            pending |= {asyncio.create_task(work(item)) for item in islice(waiting, len(done))}
            for task in done:
                yield task.result()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
