"""Per-photograph outcomes: for each figure that is a share, which photographs count and which of them hit.

The report, the comparison and the gate take their figures from here: no figure is defined twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

import torch
from torch import Tensor

from model.evaluation.predictions import Predictions

COVERAGE: Final = 0.9
"""Of `coverage_90`."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The photographs of one share."""

    hits: Tensor
    """Bool (N,)."""
    among: Tensor
    """Bool (N,)."""


def overall(predictions: Predictions) -> Mapping[str, Counted]:
    """By the names that the report has for them."""
    judged, targets = predictions.judged, predictions.targets
    tagged = predictions.tagged & predictions.counted
    single = targets.sum(1) == 1 if predictions.task != "binary" else torch.zeros_like(judged)
    return {
        "mixed_all_found": Counted((tagged | ~targets).all(1), predictions.several),
        "negatives_acted_on": Counted(tagged.any(1), predictions.none),
        "singles_with_extra": Counted((tagged & ~targets).any(1), single),
        "top_accuracy": Counted(predictions.right, judged),
        "coverage_90": Counted(predictions.right, most_confident(predictions, COVERAGE)),
        "precision_at_1": Counted(predictions.top_true, judged),
    }


def most_confident(predictions: Predictions, share: float) -> Tensor:
    """Bool (N,): the `share` of the photographs that are judged with the most probable top labels."""
    places = predictions.judged.nonzero()[:, 0]
    order = predictions.confidence[places].argsort(descending=True, stable=True)
    kept = torch.zeros(len(predictions), dtype=torch.bool)
    kept[places[order[: ceil(share * len(places))]]] = True
    return kept


def of_label(predictions: Predictions, place: int) -> Mapping[str, Counted]:
    """Precision and recall of the label at `place`: of the tag, and of the top label."""
    judged = predictions.judged
    top, main = judged & (predictions.tops == place), judged & (predictions.mains == place)
    tagged = predictions.tagged[:, place] & predictions.counted[:, place]
    true = predictions.targets[:, place]
    return {
        "tag_precision": Counted(true, tagged),
        "tag_recall": Counted(tagged, true),
        "precision": Counted(main, top),
        "recall": Counted(top, main),
    }
