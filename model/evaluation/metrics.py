"""The field's own implementations of the figures: torchmetrics, a column a label.

It takes seconds to import, so it is imported when the first figure is taken: serving never does.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import torch
from torch import Tensor

from schemas.errors import ConfigurationError


def f1(tagged: Tensor, true: Tensor) -> Tensor:
    """Float (labels,), of bool (n, labels) each; 0 for a label that is neither tagged nor true."""
    score = _classification().binary_f1_score
    return torch.stack([score(tagged[:, i].int(), true[:, i].int()) for i in range(true.shape[1])])


def f1_by_sample(tagged: Tensor, true: Tensor) -> Tensor:
    """Float (n,): the F1 of each photograph's tags."""
    if not len(true):
        return torch.empty(0)
    found: Tensor = _classification().binary_f1_score(tagged.int(), true.int(), multidim_average="samplewise")
    return found


def average_precision(scores: Tensor, true: Tensor) -> Tensor:
    """Float (labels,); NaN for a label of which there is no photograph."""
    score = _classification().binary_average_precision
    return torch.stack(
        [
            score(scores[:, i], true[:, i].int()).double()
            if true[:, i].any()
            else torch.tensor(torch.nan).double()
            for i in range(true.shape[1])
        ]
    )


def confusion(tops: Tensor, mains: Tensor, *, classes: int) -> Tensor:
    """Int (classes, classes): rows the class that is right, columns the answer."""
    found: Tensor = _classification().multiclass_confusion_matrix(tops, mains, num_classes=classes)
    return found


def calibration_error(probabilities: Tensor, truths: Tensor, *, bins: int) -> float:
    """The expected calibration error, of float (n,) against bool (n,): mean gap, weighted by the bin."""
    if not len(probabilities):
        return float("nan")
    # A probability of exactly 1 has a bin of its own there, the seventeenth of sixteen.
    inside = probabilities.clamp(max=1 - 1e-6)
    return float(_classification().binary_calibration_error(inside, truths.int(), n_bins=bins, norm="l1"))


def precision_recall(scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Precision and recall (points,) each, of one label, from the lowest threshold to the highest."""
    precision, recall, _ = _classification().binary_precision_recall_curve(scores, truth.int())
    return precision, recall


def _classification() -> ModuleType:
    try:
        return importlib.import_module("torchmetrics.functional.classification")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "figures need torchmetrics, which is not here: pip install 'tagstream[train]'"
        ) from error
