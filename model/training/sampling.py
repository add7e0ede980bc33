"""Batch sampler: which photographs, which of them as composites of two, and their targets."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from model.training.augment import Augment
from model.training.objective import SoftTargets
from model.training.pictures import Pictures
from model.training.prefetch import prefetch
from model.training.presets import mixed, mixing_share, preset
from model.training.randomness import Seeded
from model.training.recipe import Recipe
from model.training.supervision import Supervision

PARTNERS: Final = 8
"""Draws until one has another label: of two labels in balance the chance that none has is 1 in 256."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """`images` uint8 (B, 3, S, S), and what they teach; composites and blended pictures teach no order."""

    images: Tensor
    taught: Supervision


class Sampler:
    """The batches of a training, each a function of the seed and of its step alone. Thread safe."""

    def __init__(self, pictures: Pictures, *, recipe: Recipe) -> None:
        self.pictures = pictures
        self.recipe = recipe
        self.preset = preset(recipe.augment)
        self.augment = self.preset.build(recipe.train_size)
        self.objective = recipe.objective
        self.taught = self.objective.supervision(pictures)
        self.dominance = SoftTargets(pictures.photographs, labels=pictures.labels, yielding=recipe.yielding)
        self.chances = chances(pictures, recipe=recipe)
        self._cumulative = self.chances.double().cumsum(0)

    def batches(self, steps: range, *, threads: int) -> Generator[TrainingBatch]:
        """The batches of `steps`, made ahead by `threads`: the device need not wait."""
        return prefetch(self.draw, steps, threads=threads, depth=threads + 1)

    def draw(self, step: int) -> TrainingBatch:
        """The batch of that step."""
        with Seeded(self.recipe.seed, "batch", step):
            made = [self._picture(index) for index in self._indices(self.recipe.batch_size)]
            images, rows = zip(*made, strict=True)
            taught = Supervision.stacked(rows)
            smoothed = replace(taught, targets=self.objective.smoothed(taught.targets))
            batch = TrainingBatch(torch.stack(images), smoothed)
            return self._mixed(batch) if self.preset.mixup else batch

    def _indices(self, count: int) -> list[int]:
        """By inversion: `torch.multinomial` takes no more than 2 ** 24 pictures, and time for all of them."""
        drawn = torch.rand(count, dtype=torch.float64) * self._cumulative[-1]
        places = torch.searchsorted(self._cumulative, drawn, right=True)
        return places.clamp(max=len(self._cumulative) - 1).tolist()

    def _picture(self, index: int) -> tuple[Tensor, Supervision]:
        """A picture, and what it teaches.

        A composite shows what either of the two shows; else what either may show, it may show.
        """
        images, tags, counted = self.pictures.images, self.pictures.targets, self.taught.counted
        if torch.rand(()) >= self.recipe.composed or not isinstance(self.augment, Augment):
            return self.augment(images[index]), self.taught.of(index)
        other = self._partner(index)
        composite = self.augment.compose(images[index], images[other])
        shown = torch.maximum(tags[index], tags[other])
        sure = torch.maximum(torch.minimum(counted[index], counted[other]), shown)
        return composite, Supervision.unordered(self.dominance.together(shown), sure)

    def _partner(self, index: int) -> int:
        """For a composite: of another label, so that it has two; the last draw where all are of the same."""
        mains = self.pictures.mains
        for other in (drawn := self._indices(PARTNERS)):
            if mains[other] != mains[index] and not self.pictures.negative[other]:
                return other
        return drawn[-1]

    def _mixed(self, batch: TrainingBatch) -> TrainingBatch:
        """Every picture blended with the one before it, as all of the batch were drawn at random."""
        share = mixing_share(self.preset.mixup)
        return TrainingBatch(
            images=mixed(batch.images, batch.images.roll(1, 0), share=share),
            taught=Supervision.unordered(
                mixed(batch.taught.targets, batch.taught.targets.roll(1, 0), share=share),
                torch.minimum(batch.taught.counted, batch.taught.counted.roll(1, 0)),
            ),
        )


def chances(pictures: Pictures, *, recipe: Recipe) -> Tensor:
    """Float (N,): how often each is drawn; negatives have their share, several tags at least theirs."""
    drawn, negative = pictures.weights, pictures.negative
    several = (pictures.targets > 0).sum(1) > 1
    if recipe.task == "multi_label" and drawn[several].sum() < recipe.several * drawn[~negative].sum():
        _give(several, recipe.several, drawn=drawn, among=~negative)
    _give(negative, recipe.negatives, drawn=drawn, among=torch.ones_like(negative))
    return drawn


def _give(group: Tensor, share: float, *, drawn: Tensor, among: Tensor) -> None:
    """Scale `drawn` so that `group` has `share` of what is drawn `among` these, where there are others."""
    others = among & ~group
    if group.any() and others.any():
        whole = drawn[among].sum()
        drawn[group] *= share * whole / drawn[group].sum()
        drawn[others] *= (1 - share) * whole / drawn[others].sum()


@dataclass(frozen=True, slots=True)
class Draws:
    """How many photographs have a label as their main one, and how often such are drawn."""

    photographs: int
    share: float

    def __str__(self) -> str:
        return f"{self.share:.0%} ({self.photographs:,} photographs)"


def draws(pictures: Pictures, *, recipe: Recipe) -> dict[str, Draws]:
    """For every label, and "none" for negatives: imbalance, and what is done about it."""
    drawn, mains = chances(pictures, recipe=recipe), pictures.mains
    drawn /= drawn.sum()
    groups = {label: (mains == i) & ~pictures.negative for i, label in enumerate(pictures.labels)}
    if len(pictures.labels) == 1:
        groups[f"not {pictures.labels[0]}"] = (mains < 0) & ~pictures.negative
    groups["none"] = pictures.negative
    return {
        name: Draws(int(members.sum()), share=round(float(drawn[members].sum()), 4))
        for name, members in groups.items()
        if members.any()
    }
