"""Progress callbacks of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model.data.progress import Tick, silent


@dataclass(frozen=True, slots=True)
class Validation:
    """Weights that were tried on `val`."""

    name: str
    loss: float
    top_accuracy: float
    step: int = 0
    """After how many steps of the optimizer."""


OnValidation = Callable[[Validation], None]
"""Told of each trial as it is done."""


def ignored_validation(trial: Validation) -> None:
    """A `OnValidation` that goes nowhere."""


@dataclass(frozen=True, slots=True)
class OptimizerStep:
    """One step of the optimizer."""

    number: int
    """From 1."""
    of: int
    epoch: int
    """From 1."""
    loss: float
    rate: float
    """Of the head."""
    body_rate: float
    """Of the body's last stage."""
    images: int
    """In its batch."""


OnStep = Callable[[OptimizerStep], None]
"""Told of each step."""


def ignored_step(step: OptimizerStep) -> None:
    """A `OnStep` that nobody watches."""


def unsaid(line: str) -> None:
    """Hears a remark and says nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of progress. Nothing that they do changes what is trained."""

    tick: Tick = silent
    on_validation: OnValidation = ignored_validation
    on_step: OnStep = ignored_step
    say: Callable[[str], None] = unsaid
    """Told remarks for people, a line each: how it draws, from where it goes on."""
