"""Presence: a worker says in the store what it serves, at each change and by a heartbeat, until it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Final

from schemas.errors import Unavailable
from schemas.worker_states import WorkerState
from streams.ports import WorkerStates

if TYPE_CHECKING:  # not for those who only read what workers said: it brings what runs a network
    from agents.model_follower import Following
    from agents.model_slot import ModelSlot

BEAT_SECONDS: Final = 15.0
"""Between two words of a worker of which nothing changes."""


def life_id() -> str:
    """A name for this life of this process: host, process and a number of its own."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Presence:
    """One worker's, from its start to its end. `follows` is the alias that it follows, if any."""

    def __init__(
        self,
        states: WorkerStates,
        slot: ModelSlot,
        *,
        follows: str | None,
        following: Callable[[], Following | None],
        missing: Callable[[], Mapping[str, str]],
    ) -> None:
        self._states = states
        self._slot = slot
        self._follows = follows
        self._following = following
        self._missing = missing
        self._started_at = datetime.now(UTC)
        self._changed = asyncio.Event()
        self.id = life_id()

    def changed(self) -> None:
        """Say it now: something is different."""
        self._changed.set()

    def state(self) -> WorkerState:
        """What is to be said."""
        following = self._following()
        return WorkerState(
            id=self.id,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            release=metadata.version("tagstream"),
            serving=self._slot.model,
            resident=self._slot.resident,
            computed_by=self._slot.computed_by,
            follows=self._follows,
            missing=self._missing(),
            swaps=following.swaps if following else 0,
            complaint=following.complaint() if following else None,
        )

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[asyncio.Task[None]]:
        """Within the block it is; the task ends with a bug, never because the store is away."""
        task = asyncio.create_task(self._beat(), name="presence")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with suppress(Unavailable):  # it is seen to be gone all the same, after a while
                await self._states.forget_worker(self.id)

    async def _beat(self) -> None:
        while True:
            self._changed.clear()
            with suppress(Unavailable):  # the workers' own patience with the store says enough
                await self._states.note_worker(self.state())
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._changed.wait()
