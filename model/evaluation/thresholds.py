"""Threshold selection: of each label, in hundredths, the one that its target wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from model.evaluation.threshold_targets import CalibrationSet, Fixed, HighestF1, Recall, Target

UNKNOWN: Final = 0.5
"""The threshold of a label of which there is no photograph."""


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold, and the recall, precision or F1 that it reaches, of `of` photographs of the label."""

    threshold: float
    reached: float
    of: int

    def kept(self, target: Target) -> Mapping[str, float]:
        """For the manifest: what was wanted, and what was reached where there was anything to reach."""
        reached = {"reached": round(self.reached, 4)} if self.of else {}
        return {target.name: target.share, **reached}

    def missed(self, label: str, target: Target) -> str:
        """Why `target` is not reached."""
        if not self.of:
            return f"{label}: there is no photograph of it, its threshold is {self.threshold:.2f}"
        return (
            f"{label}: no threshold from {target.within[0]:.2f} to {target.within[1]:.2f} has a "
            f"{target.name} of {target.share:.1%}; at {self.threshold:.2f} it is {self.reached:.1%} "
            f"({self.of} photographs of it)"
        )


def of_all(
    scores: Tensor, truth: CalibrationSet, *, refusal: float, targets: Mapping[str, Target]
) -> Mapping[str, ThresholdChoice]:
    """By label, on what `refusal` leaves, from float (N, labels). What may be true or not does not count."""
    left = _left(scores, refusal=refusal)
    return {
        label: choose(
            left[truth.counted[:, i], i], truth.targets[truth.counted[:, i], i] > 0, target=targets[label]
        )
        for i, label in enumerate(truth.labels)
    }


def wrong(
    scores: Tensor, truth: CalibrationSet, *, refusal: float, choices: Mapping[str, ThresholdChoice]
) -> int:
    """Verdicts that are wrong with these thresholds: tags that are missed, and tags that are not true."""
    least = torch.tensor([choices[label].threshold for label in truth.labels], dtype=torch.float64)
    tagged = _left(scores, refusal=refusal).double() >= least
    return int(((tagged != (truth.targets > 0)) & truth.counted).sum())


def choose(scores: Tensor, truth: Tensor, *, target: Target) -> ThresholdChoice:
    """The threshold of one label, in hundredths, from float (N,) and bool (N,)."""
    of = int(truth.sum())
    if isinstance(target, Fixed):
        found = int(((scores >= target.share) & truth).sum())
        return ThresholdChoice(target.share, found / max(1, of), of=of)
    if not of:
        return ThresholdChoice(UNKNOWN, 0.0, of=0)
    low, high = (round(100 * end) for end in target.within)
    grid = torch.arange(low, high + 1, dtype=torch.float64) / 100
    tagged, hits = _reaching(scores, grid), _reaching(scores[truth], grid)
    if isinstance(target, Recall):
        return _choice(grid, hits / of, target=target, of=of)
    if isinstance(target, HighestF1):
        return _highest(grid, 2 * hits / (tagged + of), of=of)
    return _choice(grid, hits / tagged.clamp(min=1), target=target, of=of)


def _left(scores: Tensor, *, refusal: float) -> Tensor:
    """-1 for every label of a photograph that is refused."""
    return scores.where(scores.amax(1, keepdim=True) >= refusal, -1.0)


def _reaching(scores: Tensor, grid: Tensor) -> Tensor:
    """Float64: for each of the rising thresholds in `grid`, how many of the scores are at or above it."""
    passed = torch.bucketize(scores.double(), grid, right=True)
    counts = torch.bincount(passed, minlength=len(grid) + 1)
    return counts.flip(0).cumsum(0).flip(0)[1:].double()


def _choice(grid: Tensor, reached: Tensor, *, target: Target, of: int) -> ThresholdChoice:
    """Of the thresholds that reach the target the best: high for a recall, low for a precision."""
    places = (reached >= target.share - 1e-9).nonzero()[:, 0]
    if not len(places):
        place = int(reached.argmax())
    else:
        place = int(places[-1] if isinstance(target, Recall) else places[0])
    return ThresholdChoice(round(float(grid[place]), 2), float(reached[place]), of=of)


def _highest(grid: Tensor, reached: Tensor, *, of: int) -> ThresholdChoice:
    """Of equal ones the middle one: it is the farthest from where the next photographs would change it."""
    places = (reached >= reached.max() - 1e-9).nonzero()[:, 0]
    place = int(places[len(places) // 2])
    return ThresholdChoice(round(float(grid[place]), 2), float(reached[place]), of=of)
