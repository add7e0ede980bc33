"""Training objective by task: targets, soft targets of secondary labels, loss masked where tags are maybe.

Main tags come first by a pairwise ranking loss (Burges et al. 2005, "Learning to rank using gradient
descent").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from model.data.dataset import Photograph
from model.evaluation.calibration import TEMPERATURES
from model.manifest import Task
from model.training.pictures import Pictures
from model.training.supervision import Supervision

YIELDING: Final = 0.75
"""The target of a true tag beside a more dominant one, where nothing else is said: clearly below 1."""
MARGIN: Final = 1.0
"""Of logits: how far a main tag is to stand above a further one before the loss of their order bends off."""


def ranked(targets: Tensor, *, mains: Tensor, yielding: float) -> Tensor:
    """`targets` (N, labels), 0 or 1, with `yielding` for every true tag that is not the main one."""
    soft = targets * yielding
    known = mains >= 0
    soft[known, mains[known]] = 1.0
    return soft


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a task and the targets that go with it."""

    task: Task
    smoothing: float = 0.0
    """How much of the targets is given to every answer alike (Szegedy et al. 2016)."""
    yielding: float = YIELDING
    """What a true tag is taught beside the main one; multi_label only."""
    ordering: float = 0.0
    """How much it counts that the main tag stands above the further ones; 0: their order is not taught."""
    positive_weights: Tensor | None = None
    """Float (labels,): how much more a true tag counts than one that is not; sigmoids only."""

    def supervision(self, pictures: Pictures) -> Supervision:
        """What `pictures` teach, unsmoothed; an order where a picture may have several tags."""
        targets, counted, mains = self.targets(pictures), self.counted(pictures), pictures.mains
        if self.task != "multi_label":
            return Supervision.unordered(targets, counted)
        return Supervision(targets, counted, mains, _further(pictures, mains))

    def targets(self, pictures: Pictures) -> Tensor:
        """Float (N, labels): what the network should say of each.

        One label of several (single_label): the main one. A picture of none of them teaches to prefer none
        (Hendrycks et al. 2019, "Deep anomaly detection with outlier exposure").
        """
        if self.task == "multi_label":
            return ranked(pictures.targets, mains=pictures.mains, yielding=self.yielding)
        if self.task == "binary":
            return pictures.targets.clone()
        mains = pictures.mains
        even = torch.full_like(pictures.targets, 1 / len(pictures.labels))
        certain = functional.one_hot(mains.clamp(min=0), len(pictures.labels)).to(even.dtype)
        return torch.where(mains[:, None] >= 0, certain, even)

    def smoothed(self, targets: Tensor) -> Tensor:
        """`targets` (N, labels), a little less certain."""
        even = 1 / targets.shape[1] if self.task == "single_label" else 0.5
        return targets * (1 - self.smoothing) + self.smoothing * even

    def counted(self, pictures: Pictures) -> Tensor:
        """Float (N, labels): 0 where the tag may or may not be true, else 1.

        One label of several (single_label): what has a main one has one answer; a picture that has none, and
        may have one, has no answer at all.
        """
        if self.task != "single_label":
            return pictures.counted.float()
        answered = (pictures.mains >= 0) | pictures.counted.all(1)
        return answered.float()[:, None].expand_as(pictures.targets)

    def each(self, logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """Float (N,): the loss of every picture, from logits, targets and what counts, (N, labels) each.

        Over all labels, also where some do not count: every verdict weighs the same.
        """
        if self.task == "single_label":
            return functional.cross_entropy(logits, targets, reduction="none") * counted[:, 0]
        return (self._sigmoids(logits, targets) * counted).mean(1)

    def loss(self, logits: Tensor, taught: Supervision) -> Tensor:
        """The mean of all pictures, and that of their order where it is taught, from logits (N, labels)."""
        verdicts = self.each(logits, taught.targets, taught.counted).mean()
        if not self.ordering:
            return verdicts
        return verdicts + self.ordering * disorder(logits, taught)

    def weighted(self, logits: Tensor, pictures: Pictures) -> float:
        """The loss in which each source and label weighs alike: a run's weights are chosen by it.

        At the temperature at which it is lowest: one is fitted afterwards anyway, and weights that are right
        more often, only too sure of themselves, should not lose for that.
        """
        targets, counted, weights = self.targets(pictures), self.counted(pictures), pictures.weights
        losses = ((self.each(logits / float(t), targets, counted) * weights).mean() for t in TEMPERATURES)
        return float(min(losses))

    def accuracy(self, logits: Tensor, pictures: Pictures) -> float:
        """Share of the photographs whose highest label is their main one; negatives left out.

        So are those whose highest label may be true or not. Of a binary task: the share on the right side of
        an even chance, negatives among them.
        """
        if self.task == "binary":
            right = ((logits > 0) == (pictures.targets > 0))[pictures.counted]
            return float(right.float().mean())
        tops = logits.argmax(1)
        judged = ~pictures.negative & pictures.counted.gather(1, tops[:, None])[:, 0]
        return float((tops == pictures.mains)[judged].float().mean())

    def _sigmoids(self, logits: Tensor, targets: Tensor) -> Tensor:
        weights = self.positive_weights
        return functional.binary_cross_entropy_with_logits(
            logits,
            targets,
            reduction="none",
            pos_weight=None if weights is None else weights.to(logits.device),
        )


def disorder(logits: Tensor, taught: Supervision) -> Tensor:
    """How far true tags stand above the main one: softplus(margin - (main - other)), a mean like the loss's.

    Over all pictures and labels, (N, labels), also where there is but one tag, or no main one: a photograph
    of two tags weighs as much beside the verdicts whatever the others are.
    """
    ahead = logits.gather(1, taught.mains.clamp(min=0)[:, None]) - logits
    return (functional.softplus(MARGIN - ahead) * taught.further).mean()


def _further(pictures: Pictures, mains: Tensor) -> Tensor:
    """Bool (N, labels): true tags beside a main one."""
    ordered = (mains >= 0)[:, None]
    return (pictures.targets > 0).scatter(1, mains.clamp(min=0)[:, None], value=False) & ordered


class SoftTargets:
    """Which label wins over which, counted in photographs with both; the others are taught `yielding`."""

    def __init__(
        self, photographs: Sequence[Photograph], *, labels: tuple[str, ...], yielding: float
    ) -> None:
        self._yielding = yielding
        index = {label: i for i, label in enumerate(labels)}
        self.wins = torch.zeros(len(labels), len(labels))
        for photo in photographs:
            for other in photo.labels[1:]:
                self.wins[index[photo.main], index[other]] += 1

    def together(self, tags: Tensor) -> Tensor:
        """Targets (labels,) of a composite with the true `tags` (labels,), 0 or 1."""
        beaten = ((self.wins > self.wins.T) & (tags > 0)[:, None]).any(0)
        return torch.where(beaten, tags * self._yielding, tags)


def positive_weights(targets: Tensor, *, chances: Tensor) -> Tensor:
    """Float (labels,): of what is drawn with `chances` (N,), how many lack a tag for each that has it."""
    share = (chances[:, None] * (targets > 0)).sum(0) / chances.sum()
    return ((1 - share) / share.clamp(min=1e-3)).clamp(min=1.0)
