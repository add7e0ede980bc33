"""Temperature scaling and threshold selection on `val`, for a stated recall or precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.evaluation.predictions import Predictions, highest
from model.manifest import Task
from schemas.errors import ConfigurationError

TEMPERATURES: Final = np.geomspace(0.4, 3.0, 80)
LOWEST, HIGHEST = 0.2, 0.5
"""Thresholds stay within unless somebody asks: a few hundred pictures cannot justify an extreme one."""
WHOLE: Final = (0.01, 0.99)
UNKNOWN: Final = 0.5
"""The threshold of a label of which there is no photograph."""
SMALLEST: Final = 1e-6
"""Of a probability that the classifier gives, which has six decimals; for the way back to its logit."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The highest threshold at which this share of a label's true tags is still found."""

    share: float
    within: tuple[float, float] = WHOLE
    name: str = "recall"


@dataclass(frozen=True, slots=True)
class Precision:
    """The lowest threshold at which this share of a label's tags is true."""

    share: float
    within: tuple[float, float] = WHOLE
    name: str = "precision"


Target = Recall | Precision
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
    def mains(self) -> Tensor:
        """Int (N,): the class that is right, -1 for a negative."""


REFUSED: Final = 0.015
"""Of labelled photographs: at most so many may be refused, so that pictures of nothing are."""
SLIPPED: Final = 0.05
"""Of pictures of nothing: no more are refused than leaves so many of them tagged."""


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How probabilities are made from logits, and tags from probabilities."""

    temperature: float
    thresholds: Mapping[str, float]
    chosen_for: Mapping[str, Mapping[str, float]]
    """As the manifest keeps it."""
    refusal: float = 0.0
    """As the manifest keeps it."""
    missed: tuple[str, ...] = ()
    """One line a label whose target cannot be reached on these photographs."""


def decide(
    logits: Tensor,
    truth: CalibrationSet,
    *,
    task: Task = "multi_label",
    targets: Target | Mapping[str, Target] = DEFAULT,
    refusal: float | None = None,
) -> DecisionRule:
    """The temperature, the refusal, then the thresholds that reach their targets on what is not refused.

    `targets` for all labels, or by label, others by `DEFAULT`; `refusal` is chosen where it is None. Raises
    `ConfigurationError` for a target of a label that is not there, or outside 0 to 1.
    """
    wanted = _wanted(targets, labels=truth.labels)
    degree = temperature(logits, truth, task=task)
    scores = eligible(probabilities(logits, temperature=degree, task=task), task=task)
    least = _refusal(scores, truth, task=task) if refusal is None else refusal
    scores = scores.where(scores.amax(1, keepdim=True) >= least, -1.0)
    choices = {
        label: choose(scores[:, i], truth.targets[:, i] > 0, target=wanted[label])
        for i, label in enumerate(truth.labels)
    }
    return DecisionRule(
        temperature=degree,
        thresholds={label: choice.threshold for label, choice in choices.items()},
        chosen_for={
            label: {wanted[label].name: wanted[label].share, "reached": round(choice.reached, 4)}
            for label, choice in choices.items()
            if choice.of
        },
        refusal=least,
        missed=tuple(
            choice.missed(label, wanted[label])
            for label, choice in choices.items()
            if not choice.of or choice.reached < wanted[label].share
        ),
    )


def temperature(logits: Tensor, truth: CalibrationSet, *, task: Task = "multi_label") -> float:
    """What divides the logits so that their cross-entropy on `truth` is lowest (Guo et al. 2017)."""
    losses = [_loss(logits / float(t), truth, task=task) for t in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def probabilities(logits: Tensor, *, temperature: float, task: Task) -> Tensor:
    """Float64 (N, labels), as the classifier makes them."""
    scaled = logits.double() / temperature
    return scaled.softmax(1) if task == "single_label" else scaled.sigmoid()


def logits_of(predictions: Predictions, *, temperature: float) -> Tensor:
    """The logits, float64 (N, labels), from which `temperature` made the probabilities that were judged.

    Up to a constant a row of a single-label task, and not beyond what six decimals of a probability tell.
    """
    inside = predictions.probabilities.clamp(SMALLEST, 1 - SMALLEST)
    return temperature * (inside.log() if predictions.task == "single_label" else inside.logit())


def eligible(scores: Tensor, *, task: Task) -> Tensor:
    """`scores`, -1 where the label cannot be tagged: of a single-label task all but the highest."""
    return scores.where(highest(scores), -1.0) if task == "single_label" else scores


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold, and the recall or precision that it reaches, of `of` photographs of the label."""

    threshold: float
    reached: float
    of: int

    def missed(self, label: str, target: Target) -> str:
        """Why `target` is not reached."""
        if not self.of:
            return f"{label}: there is no photograph of it, its threshold is {self.threshold:.2f}"
        return (
            f"{label}: no threshold from {target.within[0]:.2f} to {target.within[1]:.2f} has a "
            f"{target.name} of {target.share:.1%}; at {self.threshold:.2f} it is {self.reached:.1%} "
            f"({self.of} photographs of it)"
        )


def choose(scores: Tensor, truth: Tensor, *, target: Target) -> ThresholdChoice:
    """The threshold of one label, in hundredths, from float (N,) and bool (N,)."""
    if not truth.any():
        return ThresholdChoice(UNKNOWN, 0.0, of=0)
    low, high = (round(100 * end) for end in target.within)
    grid = torch.arange(low, high + 1, dtype=torch.float64) / 100
    tagged = scores.double()[:, None] >= grid
    found = (tagged & truth[:, None]).sum(0).double()
    if isinstance(target, Recall):
        return _choice(grid, found / truth.sum(), target=target, of=int(truth.sum()))
    return _choice(grid, found / tagged.sum(0).clamp(min=1), target=target, of=int(truth.sum()))


def _choice(grid: Tensor, reached: Tensor, *, target: Target, of: int) -> ThresholdChoice:
    """Of the thresholds that reach the target the best: high for a recall, low for a precision."""
    places = (reached >= target.share - 1e-9).nonzero()[:, 0]
    if not len(places):
        place = int(reached.argmax())
    else:
        place = int(places[-1] if isinstance(target, Recall) else places[0])
    return ThresholdChoice(round(float(grid[place]), 2), float(reached[place]), of=of)


def _refusal(scores: Tensor, truth: CalibrationSet, *, task: Task) -> float:
    """The lowest probability, in hundredths, below which to refuse a photograph; 0 without negatives.

    By the highest score of each (Hendrycks and Gimpel 2017, "A baseline for detecting misclassified and
    out-of-distribution examples"). Where a picture has one answer alone, its threshold refuses already.
    """
    known = truth.mains >= 0
    if task != "multi_label" or known.all() or not known.any():
        return 0.0
    grid = torch.arange(100, dtype=torch.float64) / 100
    stays = scores.double().amax(1)[:, None] >= grid
    slipped, refused = stays[~known].double().mean(0), (~stays[known]).double().mean(0)
    allowed = slipped.clamp(min=SLIPPED).where(refused <= REFUSED, torch.inf)
    return round(float(grid[int(allowed.argmin())]), 2)


def _wanted(targets: Target | Mapping[str, Target], *, labels: tuple[str, ...]) -> Mapping[str, Target]:
    wanted = targets if isinstance(targets, Mapping) else dict.fromkeys(labels, targets)
    foreign = sorted(set(wanted) - set(labels))
    if foreign:
        raise ConfigurationError(
            f"no label {foreign[0]!r} to choose a threshold for; there are {list(labels)}"
        )
    for label, target in wanted.items():
        if not 0 < target.share <= 1:
            raise ConfigurationError(
                f"{label}: a {target.name} of {target.share:g} cannot be; above 0, and 1 at most"
            )
    return {label: wanted.get(label, DEFAULT) for label in labels}


def _loss(scaled: Tensor, truth: CalibrationSet, *, task: Task) -> float:
    if task == "single_label":
        known = truth.mains >= 0
        return float(functional.cross_entropy(scaled[known], truth.mains[known]))
    targets = (truth.targets > 0).to(scaled.dtype)
    return float(functional.binary_cross_entropy_with_logits(scaled, targets))
