"""What the tests of waiting share: a service that comes and goes, and what its owner was told."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from model.clock import ManualClock
from model.testing import settle
from schemas.errors import Unavailable
from streams.resilience.probe_gate import Hooks

T = TypeVar("T")


class Owner:
    """What a worker does about breakers and alarms: notes who tripped, and who waits on purpose."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.waiting: set[asyncio.Task[Any] | None] = set()
        self.hooks = Hooks(
            waiting=self._wait,
            on_trip=lambda name: self.told.append(("trip", name)),
            on_reset=lambda name: self.told.append(("reset", name)),
        )

    @contextmanager
    def _wait(self) -> Iterator[None]:
        task = asyncio.current_task()
        self.waiting.add(task)
        try:
            yield
        finally:
            self.waiting.discard(task)


class Service:
    """Answers, or is away, as it is told; knows who asked."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked: list[str] = []

    def call(self, name: str = "", *, is_spoiled: bool = False) -> Callable[[], Coroutine[Any, Any, str]]:
        """A call that is refused while the service is away, or always where it is spoiled."""

        async def ask() -> str:
            self.asked.append(name)
            if self.is_away or is_spoiled:
                raise Unavailable("s3")
            return f"answer to {name}"

        return ask


def started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.create_task(work)


async def pass_time(clock: ManualClock, seconds: float, *, step: float = 0.5) -> None:
    """Let time go by in steps, and everybody act on it."""
    for _ in range(round(seconds / step)):
        clock.advance(step)
        await settle()


async def ended(*tasks: asyncio.Task[Any], clock: ManualClock) -> None:
    """Let time go by until all of them have ended; the test's own timeout is the limit."""
    while not all(task.done() for task in tasks):
        await pass_time(clock, 1)


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
