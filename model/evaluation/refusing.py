"""Refusal selection: below which probability a photograph is none of the labels, under the recalls wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor
from typing import Final

import torch
from torch import Tensor

from model.evaluation import thresholds
from model.evaluation.threshold_targets import DEFAULT, CalibrationSet, Recall, Target
from model.manifest import Task
from schemas.errors import ConfigurationError

REFUSED: Final = 0.015
"""Of labelled photographs: at most so many may be refused, so that pictures of nothing are."""
SLIPPED: Final = 0.05
"""Of pictures of nothing: no more are refused than leaves so many of them tagged."""
GRID: Final = torch.arange(100, dtype=torch.float64) / 100


def chosen(scores: Tensor, truth: CalibrationSet, *, task: Task, targets: Mapping[str, Target]) -> float:
    """The probability, in hundredths, below which to refuse a photograph; 0 without negatives.

    The lowest at which few enough pictures of nothing stay, by the highest score of each (Hendrycks and
    Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution examples"), or one below it:
    what is refused is missed, so that thresholds which are to reach a recall fall beside it, and may set more
    wrong tags than it takes away. Where a picture has one answer alone, its threshold refuses already.
    """
    known, none = truth.mains >= 0, (truth.mains < 0) & truth.counted.all(1)
    if task != "multi_label" or not none.any() or not known.any():
        return 0.0
    stays = scores.double().amax(1)[:, None] >= GRID
    slipped, refused = stays[none].double().mean(0), (~stays[known]).double().mean(0)
    allowed = slipped.clamp(min=SLIPPED).where(refused <= REFUSED, torch.inf)
    best = float(GRID[int(allowed.argmin())])
    most = min([best, *(asked.highest for asked in _asked(scores, truth, targets=targets))])
    steps = range(round(100 * most), -1, -1)
    return min(steps, key=lambda step: _wrong(step / 100, scores, truth, targets=targets)) / 100


def _wrong(refusal: float, scores: Tensor, truth: CalibrationSet, *, targets: Mapping[str, Target]) -> int:
    """Verdicts that are wrong beside `refusal`, with the thresholds that would be chosen beside it."""
    choices = thresholds.of_all(scores, truth, refusal=refusal, targets=targets)
    return thresholds.wrong(scores, truth, refusal=refusal, choices=choices)


def refuse_impossible(
    refusal: float, scores: Tensor, truth: CalibrationSet, *, targets: Mapping[str, Target]
) -> None:
    """Raise `ConfigurationError` where photographs that `refusal` costs are too many for a recall.

    The nearest threshold would be the lowest there is, which tags everything and finds no more.
    """
    lines = [
        asked.impossible(refusal)
        for asked in _asked(scores, truth, targets=targets)
        if asked.reachable(refusal) < asked.share - 1e-9
    ]
    if lines:
        raise ConfigurationError("; ".join(lines))


@dataclass(frozen=True, slots=True)
class _AskedRecall:
    """A recall that somebody asked for, which is within reach where nothing is refused."""

    label: str
    share: float
    tops: Tensor
    """Float (photographs of it,): the highest score of each, -1 where the label is not found at all."""

    def reachable(self, refusal: float) -> float:
        """The highest recall beside `refusal`."""
        return float((self.tops >= refusal).double().mean())

    @property
    def highest(self) -> float:
        """The highest refusal, in hundredths, that leaves the recall within reach."""
        return max(step / 100 for step in range(100) if self.reachable(step / 100) >= self.share - 1e-9)

    def impossible(self, refusal: float) -> str:
        """Why, and what mends it."""
        most = self.reachable(refusal)
        nearest = floor(1000 * most + 1e-9) / 1000
        lower = f"--recall {self.label}={nearest:g} or " if nearest else ""
        return (
            f"{self.label}: a recall of {self.share:.1%} cannot be reached with a refusal of {refusal:g}, "
            f"which leaves {most:.1%} of its {len(self.tops)} photographs to be found: give {lower}"
            f"a --refusal of {self.highest:.2f} at most"
        )


def _asked(scores: Tensor, truth: CalibrationSet, *, targets: Mapping[str, Target]) -> Iterator[_AskedRecall]:
    for i, label in enumerate(truth.labels):
        target, true = targets[label], truth.targets[:, i] > 0
        if not isinstance(target, Recall) or target == DEFAULT or not true.any():
            continue
        found = scores[true].double()
        tops = found.amax(1).where(found[:, i] >= target.within[0], -1.0)
        asked = _AskedRecall(label, target.share, tops)
        if asked.reachable(0.0) >= target.share - 1e-9:
            yield asked
