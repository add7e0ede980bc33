"""From logits on `val` to a temperature and a threshold for every label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model.training.pictures import Pictures

TEMPERATURES: Final = np.geomspace(0.4, 3.0, 80)
RECALL_TARGET: Final = 0.98
"""The share of a label's true tags on `val` that its threshold must keep; it is as high as that allows."""
LOWEST, HIGHEST = 0.2, 0.5
"""Thresholds stay within: a few hundred pictures cannot justify an extreme one."""


def temperature(logits: Tensor, pictures: Pictures) -> float:
    """What divides the logits so that their cross-entropy on `pictures` is lowest (Guo et al. 2017)."""
    losses = [
        float(functional.binary_cross_entropy_with_logits(logits / float(t), pictures.targets))
        for t in TEMPERATURES
    ]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def thresholds(logits: Tensor, pictures: Pictures, *, temperature: float) -> Mapping[str, float]:
    """For each label the highest threshold that keeps `RECALL_TARGET` of its true tags.

    The higher it is, the fewer pictures of nothing are tagged, and the target bounds what that costs.
    """
    probabilities = torch.sigmoid(logits / temperature)
    return {
        label: _threshold(probabilities[pictures.targets[:, i] > 0, i])
        for i, label in enumerate(pictures.labels)
    }


def _threshold(true: Tensor) -> float:
    """Of the probabilities (n,) of a label where it is true."""
    if not len(true):
        return 0.5
    kept = float(true.sort().values[int(len(true) * (1 - RECALL_TARGET))])
    return float(np.floor(np.clip(kept, LOWEST, HIGHEST) * 100) / 100)
