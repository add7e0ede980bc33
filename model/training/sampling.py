"""Batches: which photographs, which of them as composites of two, and their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.training.augment import Augment
from model.training.dominance import Dominance
from model.training.pictures import Pictures
from model.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Batch:
    """`images` uint8 (B, 3, S, S), `targets` float (B, labels) in [0, 1]."""

    images: Tensor
    targets: Tensor


class Sampler:
    """Endless batches of `pictures`, from torch's global generator."""

    def __init__(self, pictures: Pictures, *, recipe: Recipe) -> None:
        self.pictures = pictures
        self.recipe = recipe
        self.augment = Augment(recipe.train_size)
        self.targets = pictures.ranked
        self.dominance = Dominance(pictures.photographs, labels=pictures.labels)
        self.chances = _chances(pictures, share=recipe.negatives)

    def draw(self) -> Batch:
        """One batch."""
        made = [self._picture(int(index)) for index in self._indices()]
        targets = torch.stack([target for _, target in made])
        soft = targets * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2
        return Batch(images=torch.stack([image for image, _ in made]), targets=soft)

    def _indices(self) -> Tensor:
        return torch.multinomial(self.chances, self.recipe.batch_size, replacement=True)

    def _picture(self, index: int) -> tuple[Tensor, Tensor]:
        images, tags = self.pictures.images, self.pictures.targets
        if torch.rand(()) >= self.recipe.composites:
            return self.augment(images[index]), self.targets[index]
        other = int(torch.multinomial(self.chances, 1))
        composite = self.augment.compose(images[index], images[other])
        return composite, self.dominance.together(torch.maximum(tags[index], tags[other]))


def _chances(pictures: Pictures, *, share: float) -> Tensor:
    """Float (N,): how often each is drawn; negatives together make up `share`."""
    chances, negative = pictures.weights, pictures.negative
    if negative.any() and not negative.all():
        chances[negative] *= share / chances[negative].sum()
        chances[~negative] *= (1 - share) / chances[~negative].sum()
    return chances
