"""Hyperparameters of a training run. The defaults suit a small backbone and some thousand photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from model.manifest import Task
from model.networks.backbone import HALF, Backbone, Channels
from model.preprocess import Fit
from model.training.inputs import Inputs
from model.training.objective import YIELDING, Objective
from model.training.presets import preset

Precision = Literal["auto", "fp32", "bf16"]

CROP_SHARE: Final = 5 / 6
"""The side of a trained crop, of the served side: subjects look larger in crops (Touvron et al. 2019,
"Fixing the train-test resolution discrepancy")."""
CACHE_SHARE: Final = 4 / 3
"""The side of the decoded pictures that crops are taken from, of the served side."""
STRIDE: Final = 32
"""What networks reduce a side by: crops are a multiple of it where that is possible."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. Pictures are drawn so that each label weighs the same and no source drowns the others."""

    architecture: str = "efficientnet_lite0"
    task: Task = "multi_label"
    epochs: int = 12
    max_steps: int | None = None
    """End after so many, however many epochs that is."""
    patience: int | None = None
    """End after so many epochs in which nothing on `val` was better than before."""
    batch_size: int = 32
    seed: int = 0
    precision: Precision = "auto"
    """auto: bf16 on CUDA, else fp32."""

    size: int = 192
    """Side of the served input."""
    train_size: int = 160
    """Side of the trained crops: subjects look larger in crops, so a smaller side shows them as served."""
    cache_size: int = 256
    fit: Fit = Fit.SQUASH
    mean: Channels = HALF
    std: Channels = HALF

    freeze_epochs: int = 0
    """In which the head learns alone; what the probe finds at once is before the first."""
    norms: Literal["frozen", "learned"] = "frozen"
    """Whether the statistics of the batch norms stay as they came: a small batch is no fair sample, but
    from nothing there are none yet."""
    head_rate: float = 1e-3
    body_rate: float = 2e-4
    """Of the last stage of the backbone."""
    layer_decay: float = 0.2
    """The rate of the first stage, as a share of the last one's; those between are in a line."""
    decay: float = 0.02
    warm_up: float = 0.08
    """Share of the steps in which the rates rise; then they fall in a cosine."""
    average: float = 0.99
    """Decay of the moving average of the weights; the average is what is evaluated and kept."""
    blends: tuple[float, ...] = (0.75, 0.5)
    """How much of the fine-tuned weights, the rest being the probe's, is tried at the end: a blend often
    travels better to new sources than either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models")."""

    smoothing: float = 0.02
    positive_weights: bool = False
    """Whether a true tag counts more the rarer it is among what is drawn."""
    augment: str = "photographs"
    composites: float = 0.4
    """Share of the pictures that are two photographs in one, with the tags of both, where the preset makes
    such and a picture may have several tags."""
    yielding: float = YIELDING
    """What a true tag beside a photograph's main one is taught; the main one is taught 1."""
    ordering: float = 0.0
    """How much the order of true tags, the main one first, counts beside the tags themselves."""
    several: float = 0.2
    """Share of what is drawn of labelled photographs that has several tags of its own: composites show two
    subjects, but not how people and what they eat really stand together. Multi-label tasks alone."""
    negatives: float = 0.12
    """Share of the draws that are none of the labels, where the dataset has such."""

    def __post_init__(self) -> None:
        preset(self.augment)

    def from_nothing(self) -> Self:
        """This recipe for weights that are random, which there is nothing to keep of.

        The norms learn too, every layer as fast as the head, and no blend goes back to chance.
        """
        return replace(self, norms="learned", blends=(), body_rate=self.head_rate, layer_decay=1.0)

    def sized(self, backbone: Backbone, *, size: int | None = None) -> Self:
        """This recipe for `backbone`, with its normalisation and for images of `size` (its own by default).

        Raises `ConfigurationError` for a size that the backbone cannot take.
        """
        side = size or backbone.size
        backbone.check(side)
        return replace(
            self,
            architecture=backbone.name,
            size=side,
            train_size=side if backbone.fixed else _crop(side, backbone=backbone),
            cache_size=round(side * CACHE_SHARE),
            mean=backbone.mean,
            std=backbone.std,
        )

    @property
    def inputs(self) -> Inputs:
        """What the network is fed when it is evaluated, and served."""
        return Inputs(self.size, self.mean, std=self.std)

    @property
    def objective(self) -> Objective:
        """What is taught; weights of the positives come from the data."""
        return Objective(self.task, smoothing=self.smoothing, yielding=self.yielding, ordering=self.ordering)

    @property
    def composed(self) -> float:
        """How many of the pictures are composites in the end."""
        return self.composites if preset(self.augment).composes and self.task == "multi_label" else 0.0


def _crop(side: int, *, backbone: Backbone) -> int:
    stride = max(STRIDE, backbone.multiple)
    crop = round(side * CROP_SHARE / stride) * stride
    return crop if backbone.min_size <= crop <= side else side
