"""Background tasks: work beside the messages' own, owned by who opens them (structured concurrency)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class BackgroundTasks:
    """Started and forgotten; whoever owns them closes them. The event loop's thread only.

    `failed` hears what a task ended with; a cancelled one says nothing.
    """

    def __init__(self, *, most: int, failed: Callable[[BaseException], None]) -> None:
        self._most = most
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether as many run as are to, at most; it is the caller's to start no more."""
        return len(self._tasks) >= self._most

    def start(self, work: Coroutine[None, None, None], *, name: str) -> None:
        """Have it done meanwhile."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Until none runs."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self, *, grace: float = 0.0) -> None:
        """Cancel what still runs after so many seconds."""
        tasks = tuple(self._tasks)
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
