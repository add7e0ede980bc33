"""Supervision: what pictures teach: targets, which of them count, and which true tag comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Supervision:
    """Of N pictures, in order; or of one, without the first dimension. All tensors are on one device."""

    targets: Tensor
    """Float (N, labels) in [0, 1]: what the network should say."""
    counted: Tensor
    """Float (N, labels): 0 where the tag may be true or not, which is no part of the loss; else 1."""
    mains: Tensor
    """Int (N,): the label that is to come first; -1 for negatives, and where there is no order to teach."""
    further: Tensor
    """Bool (N, labels): the true tags that are to come after the main one."""

    @classmethod
    def unordered(cls, targets: Tensor, counted: Tensor) -> Self:
        """Of pictures of which no true tag is to come first."""
        mains = torch.full(targets.shape[:-1], -1, device=targets.device)
        return cls(targets, counted, mains, torch.zeros_like(targets, dtype=torch.bool))

    @classmethod
    def stacked(cls, pictures: Sequence[Self]) -> Self:
        """Of all of them, each of one picture."""
        return cls(*(torch.stack([getattr(each, field.name) for each in pictures]) for field in fields(cls)))

    def of(self, places: Tensor | int) -> Self:
        """Of the pictures at these places; of one, without the first dimension, where it is a number."""
        return self._each(lambda tensor: tensor[places])

    def to(self, device: torch.device) -> Self:
        """The same on `device`."""
        return self._each(lambda tensor: tensor.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(*(change(getattr(self, field.name)) for field in fields(self)))
