"""Backbone description, before it is built: its input size, its normalisation, which sizes it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.errors import ConfigurationError

Channels = tuple[float, float, float]

HALF: Final[Channels] = (0.5, 0.5, 0.5)
IMAGENET_MEAN: Final[Channels] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Channels] = (0.229, 0.224, 0.225)
SMALLEST: Final = 32
"""No manifest has a smaller input."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One architecture. Its public weights were trained on (value / 255 - mean) / std."""

    name: str
    size: int = 224
    """The side, in pixels, of the images that its public weights saw."""
    mean: Channels = HALF
    std: Channels = HALF
    min_size: int = SMALLEST
    multiple: int = 1
    """Of which the side must be a multiple."""
    fixed: bool = False
    """Whether it is built for the one size that it is to serve."""

    def check(self, size: int) -> None:
        """Raise `ConfigurationError` if images of `size` x `size` do not fit through the network."""
        if size < self.min_size:
            raise ConfigurationError(
                f"{self.name} takes no image below {self.min_size} x {self.min_size}, {size} was asked for; "
                f"its own size is {self.size}"
            )
        if size % self.multiple:
            raise ConfigurationError(
                f"{self.name} takes sizes that are multiples of {self.multiple}, {size} was asked for; "
                f"its own size is {self.size}"
            )
