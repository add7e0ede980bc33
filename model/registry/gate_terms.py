"""Terms of the promotion gate: by what a candidate is judged, against whom, and the result.

The result is for people, for scripts and for the alias' history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.data.photograph import Photograph
from model.registry.floors import Floors
from model.registry.gate_row import GateRow, GateVerdict
from model.registry.tolerances import Tolerances
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class CurrentChampion:
    """Whom a candidate is held against; neither `folder` nor `broken` where there is no champion yet."""

    folder: Path | None = None
    broken: ConfigurationError | None = None
    """Why it cannot be loaded."""


@dataclass(frozen=True, slots=True)
class PromotionCriteria:
    """By what a candidate is judged."""

    photographs: tuple[Photograph, ...] | None = None
    """None: by the figures that the manifests carry of `split`."""
    split: str = "test"
    floors: Floors = field(default_factory=Floors)
    """For who has a champion to be held against too; who has none must pass those by default as well."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class GateResult:
    """Every row, and what it was taken on."""

    candidate: str
    """NAME/VERSION."""
    champion: str | None
    rows: tuple[GateRow, ...]
    photographs: int = 0
    data: str = ""
    """Digest of the photographs; empty where none were looked at."""
    note: str = ""

    @property
    def refused(self) -> tuple[GateRow, ...]:
        """The rows that refuse it."""
        return tuple(row for row in self.rows if row.verdict in (GateVerdict.REFUSED, GateVerdict.BROKEN))

    @property
    def is_broken(self) -> bool:
        """Whether no force helps."""
        return any(row.verdict is GateVerdict.BROKEN for row in self.rows)

    @property
    def verdict(self) -> str:
        """Passed or refused."""
        return "refused" if self.refused else "passed"

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "candidate": self.candidate,
            "champion": self.champion,
            "verdict": self.verdict,
            "photographs": self.photographs,
            "data": self.data,
            "note": self.note,
            "rows": [row.as_json() for row in self.rows],
        }

    def short(self) -> dict[str, Any]:
        """For the alias' history: the refusals whole, the others counted."""
        return {
            "champion": self.champion,
            "verdict": self.verdict,
            "photographs": self.photographs,
            "data": self.data,
            "note": self.note,
            "figures": len(self.rows),
            "refused": [row.as_json() for row in self.refused],
        }
