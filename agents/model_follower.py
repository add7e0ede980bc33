"""Model follower: keeps a model slot at the version that an alias of the registry points at.

It asks the registry when it is told that the alias has moved, and every so often besides, since nobody may
have told. What is loaded is proven before it is let in; a version that cannot be is refused, and the one that
works goes on: a bad promotion stops no worker.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from agents.model_slot import ModelSlot
from agents.tagger import ResidentTagger
from model.registry.cache import Resolved
from schemas.errors import Broken, ConfigurationError, TagstreamError, Unavailable

log = structlog.get_logger(__name__)

SPREAD: Final = 0.2
"""Of the interval: so that the workers of a fleet do not all ask at once."""

AGAIN: Final = timedelta(minutes=10)
"""Until a version that was refused is tried again: a full disk may have been at fault, and trying costs."""


class NoRoom(TagstreamError):
    """There is no memory for another version beside the one that works."""


@dataclass(frozen=True, slots=True)
class RefusedVersion:
    """Why a version was not taken."""

    wanted: Resolved
    why: str
    since: datetime
    again_at: datetime
    """It is not tried again before, unless somebody says that the alias has moved."""


@dataclass(frozen=True, slots=True)
class Following:
    """How it stands."""

    serving: Resolved
    refusal: RefusedVersion | None = None
    away: str | None = None
    """Why the registry could not be asked the last time."""
    swaps: int = 0

    def complaint(self) -> str | None:
        """For whoever asks for the worker's health; None while the alias is followed."""
        if self.refusal:
            refused, since = self.refusal, f"{self.refusal.since:%Y-%m-%d %H:%M:%S}"
            return (
                f"version {refused.wanted.version} is refused since {since} UTC, "
                f"and {self.serving.version} works on: {refused.why}"
            )
        if self.away:
            return f"the registry cannot be asked, and version {self.serving.version} works on: {self.away}"
        return None


Ask = Callable[[], Awaitable[Resolved]]
"""Which version the alias points at now; raises `Unavailable` or `ConfigurationError`."""

Told = Callable[[Following, Following], None]
"""Hears what was, and what is."""

Load = Callable[[Resolved], Awaitable[ResidentTagger]]
"""That version, verified, warm and proven, not yet open; raises `NoRoom` or what is wrong with it."""


class ModelFollower:
    """Swaps the slot's version for the one that is wanted. `told` hears of each change of `state`."""

    def __init__(self, slot: ModelSlot, ask: Ask, load: Load, *, serving: Resolved, told: Told) -> None:
        self._slot = slot
        self._ask = ask
        self._load = load
        self._told = told
        self._moved = asyncio.Event()
        self.state = Following(serving)

    def complaint(self) -> str | None:
        """See `Following.complaint`."""
        return self.state.complaint()

    def look_now(self) -> None:
        """Ask the registry at once: somebody says that the alias has moved."""
        self._moved.set()

    async def run(self, *, every: float) -> None:
        """Follow for ever, asking at least every so many seconds. Raises what is no version's fault."""
        while True:
            told = await self._pause(every * random.uniform(1 - SPREAD, 1 + SPREAD))
            await self.follow(insists=told)

    async def follow(self, *, insists: bool = False) -> None:
        """Ask once, and swap if the alias points elsewhere; what was refused just now, only who `insists`.

        Raises what is no version's fault.
        """
        try:
            wanted = await self._ask()
        except (Unavailable, ConfigurationError) as error:
            self._become(replace(self.state, away=str(error)))
            return
        state = replace(self.state, away=None)
        if wanted == state.serving:
            self._become(replace(state, refusal=None))
        elif insists or _is_due(wanted, state.refusal):
            await self._take(wanted, state)
        else:
            self._become(state)

    async def _take(self, wanted: Resolved, state: Following) -> None:
        try:
            await self._slot.swap(await self._load(wanted))
        except Unavailable as error:
            self._become(replace(state, away=str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a version brings, the one that works must not suffer
            self._refuse(wanted, error, state)
        else:
            log.info("model.swapped", version=wanted.version, before=state.serving.version)
            self._become(Following(wanted, swaps=state.swaps + 1))
            await self._slot.close_leaving()

    def _refuse(self, wanted: Resolved, error: Exception, state: Following) -> None:
        why, now = str(error) or repr(error), datetime.now(UTC)
        wait = timedelta(0) if isinstance(error, NoRoom | MemoryError) else AGAIN
        known = state.refusal if state.refusal and state.refusal.wanted == wanted else None
        if known is None:
            foreseen = isinstance(error, ConfigurationError | Broken | NoRoom)
            trace = None if foreseen else error
            log.error(
                "model.refused",
                version=wanted.version,
                serving=state.serving.version,
                why=why,
                exc_info=trace,
            )
        refusal = RefusedVersion(wanted, why, known.since if known else now, again_at=now + wait)
        self._become(replace(state, refusal=refusal))

    def _become(self, state: Following) -> None:
        if state.away and not self.state.away:
            log.warning("registry.not_asked", serving=state.serving.version, cause=state.away)
        before, self.state = self.state, state
        if state != before:
            self._told(before, state)

    async def _pause(self, seconds: float) -> bool:
        """Whether it was told before the time was over."""
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        self._moved.clear()
        return True


def _is_due(wanted: Resolved, refusal: RefusedVersion | None) -> bool:
    return refusal is None or refusal.wanted != wanted or datetime.now(UTC) >= refusal.again_at
