"""Who serves what: the workers that have been seen lately, and the versions that they score by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agents.presence import BEAT_SECONDS
from agents.wiring import stores
from agents.wiring.settings import Settings
from operations import store
from operations.unwell import Unwell
from schemas.rollouts import ModelRollout
from schemas.worker_states import WorkerState

LIVES: Final = timedelta(seconds=4 * BEAT_SECONDS)
"""Without a word after which a worker is believed to be gone; clocks may differ by a part of it."""

KEPT: Final = timedelta(days=1)
"""For which one that was killed is shown; then it is forgotten."""


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker, and whether it lives."""

    state: WorkerState
    is_alive: bool

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {"alive": self.is_alive, **self.state.model_dump(mode="json")}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """All of them."""

    workers: tuple[SeenWorker, ...]
    rollouts: tuple[ModelRollout, ...] = ()
    """Those that run."""

    @property
    def alive(self) -> tuple[WorkerState, ...]:
        """Those that live."""
        return tuple(each.state for each in self.workers if each.is_alive)

    @property
    def served(self) -> Counter[str]:
        """How many that live score by each version."""
        return Counter(f"{each.serving.name}/{each.serving.version}" for each in self.alive)

    @property
    def missing(self) -> tuple[str, ...]:
        """What replays ask for and a worker that lives cannot have, in words."""
        return tuple(
            f"{each.id}: version {version}, which a replay asks for, cannot be had: {why}"
            for each in self.alive
            for version, why in each.missing.items()
        )

    @property
    def complaints(self) -> tuple[str, ...]:
        """Of those that live, in words."""
        return tuple(f"{each.id}: {each.complaint}" for each in self.alive if each.complaint)


def is_alive(state: WorkerState, now: datetime) -> bool:
    """Whether it has said something lately."""
    return now - state.seen_at <= LIVES


async def read(settings: Settings) -> ModelStatus:
    """Who serves what now; those that are long gone are forgotten. Raises `ConfigurationError`."""
    store.refuse_missing(settings.store)
    now = datetime.now(UTC)
    async with stores.open_store(settings.store) as states:
        every = await states.workers()
        rolled_out = await states.rollouts()
        for each in every:
            if now - each.seen_at > KEPT:
                await states.forget_worker(each.id)
    recent = (each for each in every if now - each.seen_at <= KEPT)
    running = (each for each in rolled_out if isinstance(each, ModelRollout) and each.is_running)
    return ModelStatus(tuple(SeenWorker(each, is_alive(each, now)) for each in recent), tuple(running))


async def look(settings: Settings) -> str:
    """The health check: which versions are served; raises `Unwell` where a worker refuses the one wanted."""
    if not store.is_here(settings.store):
        return "no worker has run yet"
    found = await read(settings)
    if found.complaints:
        raise Unwell(
            "; ".join(found.complaints),
            "`tagstream model rollback NAME` points the alias back, or promote a version that loads here; "
            "then every worker follows by itself",
        )
    if not found.alive:
        return "no worker runs"
    return f"{_workers(len(found.alive))}: {_listed(found.served.most_common())}"


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


def _listed(served: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count} by {version}" for version, count in served)
