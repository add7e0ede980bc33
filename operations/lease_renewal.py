"""Lease renewal: work that goes on while its lease is renewed beside it, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def while_renewed(work: Coroutine[Any, Any, T], renewal: Coroutine[Any, Any, None]) -> T:
    """What `work` returns. `renewal` never ends by itself; what it raises cancels the work, and is raised."""
    working, renewing = asyncio.ensure_future(work), asyncio.ensure_future(renewal)
    try:
        await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            renewing.result()
        return await working
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)
