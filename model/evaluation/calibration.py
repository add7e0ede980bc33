"""Temperature scaling and threshold selection on `val`, for a stated recall or precision, or the best F1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from torch import Tensor
from torch.nn import functional

from model.evaluation import refusing, thresholds
from model.evaluation.predictions import Predictions, highest
from model.evaluation.threshold_targets import DEFAULT, CalibrationSet, CalibrationTensors, Fixed, Target
from model.manifest import Task
from schemas.errors import ConfigurationError

TEMPERATURES: Final = np.geomspace(0.4, 3.0, 80)
SMALLEST: Final = 1e-6
"""Of a probability that the classifier gives, which has six decimals; for the way back to its logit."""


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

    `targets` for all labels, or by label, others by `DEFAULT`; `refusal` is chosen where it is None, so that
    every recall that was asked for stays within reach. Raises `ConfigurationError` for a target of a label
    that is not there, or outside 0 to 1, and for a recall that the given refusal makes impossible.
    """
    truth = CalibrationTensors.of(truth)
    wanted = _wanted(targets, labels=truth.labels)
    degree = temperature(logits, truth, task=task)
    scores = eligible(probabilities(logits, temperature=degree, task=task), task=task)
    if refusal is None:
        least = refusing.chosen(scores, truth, task=task, targets=wanted)
    else:
        refusing.refuse_impossible(refusal, scores, truth, targets=wanted)
        least = refusal
    choices = thresholds.of_all(scores, truth, refusal=least, targets=wanted)
    return DecisionRule(
        temperature=degree,
        thresholds={label: choice.threshold for label, choice in choices.items()},
        chosen_for={
            label: choice.kept(wanted[label])
            for label, choice in choices.items()
            if choice.of or isinstance(wanted[label], Fixed)
        },
        refusal=least,
        missed=tuple(
            choice.missed(label, wanted[label])
            for label, choice in choices.items()
            if not isinstance(wanted[label], Fixed)
            and not (choice.of and wanted[label].is_met(choice.reached))
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
    targets, weights = (truth.targets > 0).to(scaled.dtype), truth.counted.to(scaled.dtype)
    return float(functional.binary_cross_entropy_with_logits(scaled, targets, weight=weights))
