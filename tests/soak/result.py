"""What a soak has to say: the account, and what was measured on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.soak.absences import Absence
from tests.soak.account import Account, Fault
from tests.soak.faults import Struck
from tests.soak.plan import Plan
from tests.soak.samples import Memory, Sample


@dataclass(frozen=True, slots=True)
class Work:
    """What the workers did."""

    messages: int
    """Different messages that were begun."""
    redeliveries: int
    """Times that one was begun again."""
    cpu_seconds: float
    deaths: Sequence[str]
    """Workers that ended by themselves, and how."""
    exits: Mapping[int, int]
    """Exit codes after SIGTERM."""

    @property
    def cpu_per_event(self) -> float:
        """Seconds, with all starts of processes."""
        return self.cpu_seconds / self.messages if self.messages else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """One soak."""

    plan: Plan
    began: datetime
    traffic_seconds: float
    drain_seconds: float
    account: Account
    work: Work
    struck: Sequence[Struck]
    samples: Sequence[Sample]
    memories: Sequence[Memory]
    slope: float | None
    """MiB an hour."""
    unannounced: int
    """Acts that storage acknowledged and never announced."""
    refused: int
    """Messages of ours that the broker did not acknowledge."""
    turned_back: int = 0
    """Times that a committed offset was seen to go backwards: work done again, and nothing worse."""
    false_absences: Sequence[Absence] = ()
    """That workers said of a dependency although no fault was done to it."""
    is_interrupted: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled, wrongly condemned, or away by itself."""
        return self.account.is_clean and not self.false_absences

    @property
    def faults(self) -> Mapping[str, int]:
        """How often each kind struck."""
        return Counter(fault.name for fault in self.struck)

    @property
    def most_lag(self) -> int:
        """Messages, at the worst moment that was seen."""
        return max((each.progress.lag for each in self.samples if each.progress), default=0)

    def line(self) -> str:
        """The whole in one line."""
        account = self.account
        lost, doubled, condemned = (len(account.of(fault)) for fault in Fault)
        return (
            f"soak: {'ok' if self.is_good else 'FAILED'}: {account.events_in} events in, "
            f"{account.accounted} accounted for, {lost} lost, {doubled} second effects, "
            f"{condemned} wrongly condemned, {len(self.false_absences)} falsely away; "
            f"{len(self.struck)} faults, {self.work.redeliveries} redeliveries (seed {self.plan.seed})"
        )

    def document(self) -> dict[str, Any]:
        """For scripts; the samples are in the report."""
        account = self.account
        return {
            "ok": self.is_good,
            "seed": self.plan.seed,
            "minutes": round(self.traffic_seconds / 60, 2),
            "rate": self.plan.rate,
            "interrupted": self.is_interrupted,
            "events_in": account.events_in,
            "kinds": dict(account.kinds),
            "accounted": account.accounted,
            "lost": len(account.of(Fault.LOST)),
            "second_effects": len(account.of(Fault.DOUBLED)),
            "condemned": len(account.of(Fault.CONDEMNED)),
            "falsely_away": [
                [each.worker, each.dependency, round(each.at, 1), each.cause] for each in self.false_absences
            ],
            "findings": [[finding.fault, finding.what, finding.why] for finding in account.findings],
            "images": account.images,
            "dead_letters": dict(account.letters),
            "dead_letters_repeated": account.repeated_letters,
            "deferred": account.deferred,
            "published": account.published,
            "repeated": account.repeated,
            "overtaken": account.overtaken,
            "faults": dict(self.faults),
            "recovery_seconds": {
                name: [_rounded(each.recovery) for each in self.struck if each.name == name]
                for name in self.faults
            },
            "redeliveries": self.work.redeliveries,
            "cpu_seconds_per_event": round(self.work.cpu_per_event, 5),
            "worker_deaths": list(self.work.deaths),
            "worker_exits": dict(self.work.exits),
            "memory_mib": {
                each.worker: [round(each.first, 1), round(each.last, 1)] for each in self.memories
            },
            "memory_slope_mib_per_hour": _rounded(self.slope),
            "offsets_turned_back": self.turned_back,
            "most_lag": self.most_lag,
            "drain_seconds": round(self.drain_seconds, 1),
            "unannounced_by_storage": self.unannounced,
            "unacknowledged_by_broker": self.refused,
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
