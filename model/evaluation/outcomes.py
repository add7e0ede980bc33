"""Per-photograph outcomes: for each figure that is a share, which photographs count and which of them hit.

The report, the comparison and the gate take their figures from here: no figure is defined twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from model.evaluation.predictions import Predictions


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
    counts = targets.sum(1)
    return {
        "top_accuracy": Counted(predictions.right, judged),
        "precision_at_1": Counted(predictions.top_true, judged),
        "mixed_all_found": Counted((tagged | ~targets).all(1), counts > 1),
        "singles_with_extra": Counted((tagged & ~targets).any(1), counts == 1),
        "negatives_acted_on": Counted(tagged.any(1), predictions.none),
    }


def of_label(predictions: Predictions, place: int) -> Mapping[str, Counted]:
    """Precision and recall of the label at `place`: of the top label, and of the tag."""
    judged = predictions.judged
    top, main = judged & (predictions.tops == place), judged & (predictions.mains == place)
    tagged = predictions.tagged[:, place] & predictions.counted[:, place]
    true = predictions.targets[:, place]
    return {
        "precision": Counted(main, top),
        "recall": Counted(top, main),
        "tag_precision": Counted(true, tagged),
        "tag_recall": Counted(tagged, true),
    }
