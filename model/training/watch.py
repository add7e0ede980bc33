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


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of progress. Nothing that they do changes what is trained."""

    tick: Tick = silent
    on_validation: Callable[[Validation], None] = silent
    on_step: Callable[[OptimizerStep], None] = silent
    say: Callable[[str], None] = silent
    """Told remarks for people, a line each: how it draws, from where it goes on."""
