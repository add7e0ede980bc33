"""Result of a demo run: its account, its deliveries and its timing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model.manifest import Manifest
from schemas.records import ScoreRecord
from tagstream.demo.accounting import Account
from tagstream.demo.drill import Strike
from tagstream.demo.workers import Workers


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What killing workers did to the messages."""

    kills: int
    redelivered: int
    """Deliveries beyond each message's first that a worker took up."""
    takeover_seconds: float | None
    """From the last kill to the first message that the next worker took up."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it took."""

    began: datetime
    total_seconds: float
    working_seconds: float
    """While some worker had messages in work: without start-up and takeover."""
    stages: Mapping[str, float]
    """Mean seconds of one photograph by stage."""


@dataclass(frozen=True, slots=True)
class Result:
    """The account of a run, and its story."""

    account: Account
    manifest: Manifest
    is_drill: bool
    strike: Strike | None
    """How it stood at the kill; None without a drill, and where no moment came for one."""
    deliveries: Deliveries
    pace: Timing

    @property
    def photographs(self) -> int:
        """How many photographs came to an end."""
        return len(self.account.tagged) + len(self.account.buried)

    @property
    def throughput(self) -> float:
        """Photographs a second, while at work."""
        working = self.pace.working_seconds
        return self.photographs / working if working > 0 else 0.0

    @property
    def verdict(self) -> str:
        """Whether every photograph is accounted for, in words."""
        ended = (
            f"{len(self.account.tagged)} tagged, {len(self.account.buried)} dead-lettered with their cause"
        )
        if self.account.is_complete:
            return f"All {self.photographs} photographs are accounted for: {ended}."
        missing = len(self.account.missing)
        return f"{missing} of {self.photographs + missing} photographs are NOT accounted for ({ended})."

    def document(self) -> dict[str, Any]:
        """For `--json`: every photograph, every topic, and the numbers of the run."""
        account = self.account
        return {
            "images": [tagged.document() for tagged in account.tagged],
            "dead_letters": [buried.document() for buried in account.buried],
            "missing": [missing.document() for missing in account.missing],
            "topics": {topic.name: topic.distinct for topic in account.topics},
            "kills": self.deliveries.kills,
            "redelivered": self.deliveries.redelivered,
            "seconds": dict(self.pace.stages),
            "photographs_per_second": round(self.throughput, 3),
        }


def deliveries(crew: Workers) -> Deliveries:
    """What happened to the messages under this crew."""
    kills = [worker.killed_at for worker in crew.workers if worker.killed_at is not None]
    taken_up = crew.workers[-1].first("message.started")
    takeover = taken_up - max(kills) if kills and taken_up else None
    return Deliveries(len(kills), crew.redelivered, takeover)


def working_seconds(crew: Workers, records: Iterable[ScoreRecord]) -> float:
    """From each worker's first message to its kill; for the last one, to the last end of an image."""
    ends = [record.scored_at.timestamp() for record in records]
    ends.extend(filter(None, (worker.last("image.rejected") for worker in crew.workers)))
    spans = _spans(crew, last=max(ends, default=0.0))
    return sum(max(0.0, end - start) for start, end in spans)


def _spans(crew: Workers, *, last: float) -> Sequence[tuple[float, float]]:
    began = [(worker.first("message.started"), worker.killed_at or last) for worker in crew.workers]
    return [(start, end) for start, end in began if start is not None]
