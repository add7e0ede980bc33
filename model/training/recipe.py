"""The numbers of a training run. The defaults made the packaged model."""

from __future__ import annotations

from dataclasses import dataclass

from model.preprocess import Fit


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. Pictures are drawn so that each label weighs the same and no source drowns the others."""

    architecture: str = "mobilenet_v2_same"
    epochs: int = 12
    batch_size: int = 32
    seed: int = 0
    size: int = 192
    """Side of the served input."""
    train_size: int = 160
    """Side of the trained crops: subjects look larger in crops, so a smaller side shows them as served."""
    cache_size: int = 256
    fit: Fit = Fit.SQUASH
    head_rate: float = 1e-3
    body_rate: float = 2e-4
    """Of the last layer of the backbone; it falls to a fifth of that at the first."""
    decay: float = 0.02
    warm_up: float = 0.08
    """Share of the steps in which the rates rise."""
    average: float = 0.99
    """Decay of the moving average of the weights; the average is what is evaluated and kept."""
    smoothing: float = 0.02
    composites: float = 0.25
    """Share of the pictures that are two photographs in one, with the tags of both."""
    negatives: float = 0.08
    """Share of the draws that are none of the labels, where the dataset has such."""
