"""Targets of replays: versions that requests want, loaded beside the one that works, and let go when unused.

A request asks each time whether its version is here. Asking is what begins the loading, and what keeps it:
a version that nobody has asked for in a while leaves. One that cannot be had is given up for a while, and
requests for it are passed over meanwhile: they must not stand before those of another replay for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from agents.model_slot import ModelSlot
from agents.tagger import BackgroundTagger, ResidentTagger

log = structlog.get_logger(__name__)

PATIENCE: Final = 60.0
"""Seconds for which a request waits for a version that cannot be had: a roll-out brings it, or a registry."""

IDLE: Final = 300.0
"""Seconds without being asked for after which a version leaves."""

_AGAIN: Final = 60.0
"""Seconds between two tries to load a version."""

_SWEEP: Final = 10.0

Load = Callable[[str], Awaitable[ResidentTagger]]
"""That version, warm and proven, not yet open; raises what is wrong with it, `NoRoom` among it."""


@dataclass(slots=True)
class _Target:
    """One version."""

    first_asked: float
    asked: float
    tried: float | None = None
    why: str | None = None
    """It could not be had, the last time."""


class ModelTargets:
    """Keeps up to `most` versions in the slot, the present one included. The event loop's thread only."""

    def __init__(
        self,
        slot: ModelSlot,
        load: Load,
        *,
        most: int,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slot = slot
        self._load = load
        self._most = most
        self._changed = changed
        self._clock = clock
        self._targets: dict[str, _Target] = {}
        self._loading: asyncio.Task[None] | None = None

    def is_resident(self, version: str) -> bool:
        """Whether it is here; where it is not, it is loaded meanwhile."""
        now = self._clock()
        if version == self._slot.model.version:
            return True
        target = self._targets.setdefault(version, _Target(now, now))
        target.asked = now
        if self._slot.is_resident(version):
            return True
        self._try(version, target, now)
        return False

    def is_given_up(self, version: str) -> bool:
        """Whether a request for it need not wait any more, since it cannot be had."""
        target = self._targets.get(version)
        if target is None or target.why is None:
            return False
        return self._clock() - target.first_asked >= PATIENCE

    def missing(self) -> dict[str, str]:
        """Versions that are asked for and cannot be had, and why."""
        return {version: target.why for version, target in self._targets.items() if target.why}

    def pinned(
        self, version: str, *, is_live: bool = False
    ) -> AbstractContextManager[BackgroundTagger | ResidentTagger | None]:
        """See `ModelSlot.pinned`."""
        return self._slot.pinned(version, is_live=is_live)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[asyncio.Task[None]]:
        """Within the block what nobody asks for leaves; the task ends with what is no version's fault."""
        sweeping = asyncio.create_task(self._sweep_now_and_then(), name="model-targets")
        try:
            yield sweeping
        finally:
            tasks = [task for task in (sweeping, self._loading) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self.sweep()
            await self._slot.close_leaving()

    def sweep(self) -> None:
        """Let go of each version that nobody has asked for in a while, and forget it."""
        now = self._clock()
        for version, target in tuple(self._targets.items()):
            if now - target.asked >= IDLE:
                del self._targets[version]
                if version != self._slot.model.version and self._slot.is_resident(version):
                    self._slot.let_go(version)
                    log.info("model.let_go", version=version)
                    self._changed()

    def _try(self, version: str, target: _Target, now: float) -> None:
        if self._loading is not None and not self._loading.done():
            return
        if target.tried is not None and now - target.tried < _AGAIN:
            return
        target.tried = now
        if len(self._slot.resident) >= self._most:
            self._give_up(version, target, f"{self._most} versions are resident, and no more may be")
            return
        self._loading = asyncio.create_task(self._take(version, target), name=f"load-{version}")

    async def _take(self, version: str, target: _Target) -> None:
        try:
            loaded = await self._load(version)
            if not self._slot.is_resident(version):  # an alias may have brought it meanwhile
                await self._slot.add(loaded)
        except Exception as error:  # noqa: BLE001 - whatever a version brings, the one that works must not suffer
            self._give_up(version, target, str(error) or repr(error))
        else:
            target.why, target.first_asked = None, self._clock()
            log.info("model.added", version=version, beside=self._slot.model.version)
            self._changed()

    def _give_up(self, version: str, target: _Target, why: str) -> None:
        if target.why != why:
            log.warning("model.not_to_be_had", version=version, why=why)
        target.why = why
        self._changed()
