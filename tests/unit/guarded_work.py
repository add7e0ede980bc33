"""Work under the rejection alarm, as the dispatcher does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from streams.resilience.rejection_alarm import RejectionRateBreaker

T = TypeVar("T")


async def guarded(alarm: RejectionRateBreaker, work: Callable[[], Awaitable[T]]) -> T:
    attempt = alarm.attempt()
    while True:
        async with attempt:
            return await work()
