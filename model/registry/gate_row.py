"""Rows of the promotion gate: one figure of champion and candidate, and what the gate says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from model.registry.tolerances import Tolerances

NO_PHOTOGRAPH: Final = "there is no photograph to judge it by"


class GateVerdict(StrEnum):
    """Of one figure."""

    PASSED = "passed"
    REFUSED = "refused"
    BROKEN = "broken"
    """Refused, and no force helps: a worker would not start with it."""
    SHOWN = "shown"
    """For people to look at; decides nothing."""


Value = float | str | None


@dataclass(frozen=True, slots=True)
class GateRow:
    """One figure of both."""

    name: str
    champion: Value
    candidate: Value
    allowed: Value
    """The worst that is never refused."""
    verdict: GateVerdict
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it stands."""
        return {name: getattr(self, name) for name in ("name", "champion", "candidate", "allowed")} | {
            "verdict": self.verdict.value,
            "why": self.why,
        }


def same(name: str, champion: str, candidate: str, *, why: str) -> GateRow:
    """What may not differ at all."""
    verdict = GateVerdict.PASSED if champion == candidate else GateVerdict.REFUSED
    return GateRow(name, champion, candidate, champion, verdict, "" if verdict is GateVerdict.PASSED else why)


def slower(name: str, champion: float, candidate: float, tolerances: Tolerances) -> GateRow:
    """Seconds an image of both, measured in turns on one device: CPU seconds, where that is the CPU."""
    allowed = max(champion * tolerances.slower, champion + tolerances.slower_seconds)
    ratio = f"{candidate / champion:.2f} times the champion's, in ms"
    verdict = GateVerdict.REFUSED if candidate > allowed else GateVerdict.PASSED
    ours, theirs, most = (round(1000 * seconds, 3) for seconds in (champion, candidate, allowed))
    return GateRow(name, ours, theirs, most, verdict, ratio)


def says(figure: object) -> bool:
    """Whether a report's figure was taken of any photograph."""
    return isinstance(figure, dict) and bool(figure.get("of")) and figure.get("value") is not None
