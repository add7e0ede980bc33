"""Augmentation presets, by name.

none          as they are
light         a crop of 70 to 100 % of the picture, flipped half of the time
standard      a crop of 35 to 100 %, flips, colours, and TrivialAugment (Mueller and Hutter 2021)
strong        a crop of 20 to 100 %, flips, RandAugment (Cubuk et al. 2020), a part erased now and then, and
              mixup (Zhang et al. 2018): each picture blended with another, and their targets too
photographs   what happens to photographs on their way: see `model.training.augment`; with several tags a
              picture, a quarter are two photographs in one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.training.augment import Augment, v2
from schemas.errors import ConfigurationError

Transform = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Preset:
    """How to make the changes, from the side of the pictures that are wanted."""

    build: Callable[[int], Transform]
    composes: bool = False
    """Whether `build` gives what can make two photographs into one."""
    mixup: float = 0.0
    """Both parameters of the Beta distribution that says how much of each picture stays; 0: no mixup."""


def preset(name: str) -> Preset:
    """The preset of that name. Raises `ConfigurationError` where there is none."""
    if name not in PRESETS:
        raise ConfigurationError(f"--augment: {name!r} is not one of {', '.join(PRESETS)}")
    return PRESETS[name]


def mixed(one: Tensor, other: Tensor, *, share: float) -> Tensor:
    """`share` of `one` and the rest of `other`, both uint8 or both float, of one shape."""
    return torch.lerp(other.float(), one.float(), share).to(one.dtype)


def mixing_share(alpha: float) -> float:
    """A draw of Beta(alpha, alpha) (Johnk 1964), from uniform ones: torch's own takes no generator."""
    while True:
        one, other = (torch.rand(2).double() ** (1 / alpha)).tolist()
        if 0 < one + other <= 1:
            return float(one / (one + other))


def _none(size: int) -> Transform:
    return _made(v2.Resize([size, size], antialias=True))


def _light(size: int) -> Transform:
    return _made(_crop(size, least=0.7), v2.RandomHorizontalFlip())


def _standard(size: int) -> Transform:
    return _made(
        _crop(size, least=0.35),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.2, 0.2, 0.2),
        v2.TrivialAugmentWide(),
    )


def _strong(size: int) -> Transform:
    return _made(
        _crop(size, least=0.2), v2.RandomHorizontalFlip(), v2.RandAugment(2, 9), v2.RandomErasing(0.25)
    )


def _crop(size: int, *, least: float) -> Any:  # noqa: ANN401 - torchvision's names are untyped here
    return v2.RandomResizedCrop(size, scale=(least, 1.0), antialias=True)


def _made(*steps: Any) -> Transform:  # noqa: ANN401 - as above
    composed: Transform = v2.Compose(list(steps))
    return composed


PRESETS: Mapping[str, Preset] = {
    "none": Preset(_none),
    "light": Preset(_light),
    "standard": Preset(_standard),
    "strong": Preset(_strong, mixup=0.2),
    "photographs": Preset(Augment, composes=True),
}
