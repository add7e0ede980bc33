"""What every handler works with."""

from __future__ import annotations

from dataclasses import dataclass

from agents.letters import Letters
from agents.metrics import Metrics
from agents.ports import Parts
from agents.scoring import Scorer
from agents.telling import Teller
from streams.retry import Outages


@dataclass(frozen=True, slots=True)
class Workbench:
    """The parts, and the steps that handlers share over them."""

    parts: Parts
    outages: Outages
    scorer: Scorer
    teller: Teller
    letters: Letters
    metrics: Metrics
