"""Value objects of threshold selection: what a threshold is chosen for, and by which photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, Self

from torch import Tensor

LOWEST, HIGHEST = 0.2, 0.5
"""Thresholds stay within unless somebody asks: a few hundred pictures cannot justify an extreme one."""
WHOLE: Final = (0.01, 0.99)


@dataclass(frozen=True, slots=True)
class Recall:
    """The highest threshold at which this share of a label's true tags is still found."""

    share: float
    within: tuple[float, float] = WHOLE
    name: str = "recall"

    def is_met(self, reached: float) -> bool:
        """By the share that a threshold has."""
        return reached >= self.share


@dataclass(frozen=True, slots=True)
class Precision:
    """The lowest threshold at which this share of a label's tags is true."""

    share: float
    within: tuple[float, float] = WHOLE
    name: str = "precision"

    def is_met(self, reached: float) -> bool:
        """By the share that a threshold has."""
        return reached >= self.share


@dataclass(frozen=True, slots=True)
class HighestF1:
    """The threshold at which the F1 of a label's tags is highest; of several equal ones the middle one."""

    share: float = 1.0
    within: tuple[float, float] = WHOLE
    name: str = "f1"

    def is_met(self, reached: float) -> bool:
        """Whatever it is: it is the highest there is."""
        del reached
        return True


@dataclass(frozen=True, slots=True)
class Fixed:
    """A threshold that somebody set, whatever it reaches."""

    share: float
    within: tuple[float, float] = WHOLE
    name: str = "threshold"

    def is_met(self, reached: float) -> bool:
        """Whatever it is."""
        del reached
        return True


Target = Recall | Precision | HighestF1 | Fixed
DEFAULT: Final = Recall(0.98, within=(LOWEST, HIGHEST))
"""The higher a threshold is, the fewer pictures of nothing are tagged; the target bounds what that costs."""


class CalibrationSet(Protocol):
    """N photographs whose tags are known."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the columns."""

    @property
    def targets(self) -> Tensor:
        """(N, labels), above 0 where the tag is true."""

    @property
    def counted(self) -> Tensor:
        """Bool (N, labels): False where the tag may or may not be true."""

    @property
    def mains(self) -> Tensor:
        """Int (N,): the class that is right, -1 for a negative."""


@dataclass(frozen=True, slots=True)
class CalibrationTensors:
    """A calibration set that is read out once: photographs make theirs anew each time."""

    labels: tuple[str, ...]
    targets: Tensor
    counted: Tensor
    mains: Tensor

    @classmethod
    def of(cls, truth: CalibrationSet) -> Self:
        """What `truth` says."""
        return cls(truth.labels, truth.targets, truth.counted, truth.mains)
