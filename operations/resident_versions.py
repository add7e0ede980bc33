"""Resident versions: how many of the workers that run say in the store that they can score by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from operations.model_status import is_alive
from streams.ports import WorkerStates


@dataclass(frozen=True, slots=True)
class Residency:
    """Of one version; workers of an earlier release say nothing."""

    version: str
    workers: int
    """That run, and say what they have."""
    having: int
    """Of them, those that have it."""

    @property
    def is_nowhere(self) -> bool:
        """Whether workers run, and none has it."""
        return self.workers > 0 and self.having == 0

    @property
    def words(self) -> str:
        """For people."""
        if not self.workers:
            return "no worker runs, as far as the store knows"
        return f"of {self.workers} that run {self.having or 'none'} {'has' if self.having < 2 else 'have'} it"  # noqa: PLR2004 - grammar


async def residency(states: WorkerStates, version: str) -> Residency:
    """Who has the version now."""
    now = datetime.now(UTC)
    alive = [each for each in await states.workers() if is_alive(each, now)]
    having = [each for each in alive if any(model.version == version for model in each.resident)]
    return Residency(version, len(alive), len(having))
