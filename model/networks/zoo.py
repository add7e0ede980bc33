"""Model zoo, every network by its name: our own, torchvision's, timm's as `timm:NAME`."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from torch import Tensor, nn

from model.networks import timm_zoo, torchvision_zoo
from model.networks.architectures import ARCHITECTURES
from model.networks.backbone import Backbone
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError

LITE_MEAN: Final = (127 / 255, 127 / 255, 127 / 255)
LITE_STD: Final = (128 / 255, 128 / 255, 128 / 255)

OWN: Final = {
    each.name: each
    for each in (
        Backbone("mobilenet_v2_same"),
        Backbone("mobilenet_v2_csra"),
        Backbone("efficientnet_lite0", size=224, mean=LITE_MEAN, std=LITE_STD),
        Backbone("efficientnet_lite1", size=240, mean=LITE_MEAN, std=LITE_STD),
        Backbone("efficientnet_lite2", size=260, mean=LITE_MEAN, std=LITE_STD),
        Backbone("tiny", size=64),
    )
}
"""Those of `model.networks.architectures`, normalised as their authors' published weights are."""


def describe(name: str) -> Backbone:
    """What is known of `name` without its weights. Raises `ConfigurationError` for a name not known."""
    if name in ARCHITECTURES:
        return OWN[name]
    described: Backbone = _zoo(name).describe(name)
    return described


def build(name: str, labels: int, *, size: int | None = None) -> nn.Module:
    """One of torchvision's or timm's, of random weights, for images of `size` (its own by default)."""
    backbone = describe(name)
    backbone.check(size or backbone.size)
    network: nn.Module = _zoo(name).build(name, labels, size=size or backbone.size)
    return network


def public(name: str) -> dict[str, Tensor]:
    """The tensors of the public weights of `name`. Raises `ConfigurationError` where they cannot be had."""
    if name in ARCHITECTURES:
        raise ConfigurationError(f"{name} has no public weights on a hub: give --weights FILE or none")
    zoo = _zoo(name)
    try:
        tensors: dict[str, Tensor] = zoo.public(name)
    except Exception as error:  # the hubs' clients raise whatever their transports raise
        cause = str(error).strip().splitlines()
        raise ConfigurationError(
            f"the public weights of {name} ({zoo.address(name)}) could not be downloaded: "
            f"{cause[0] if cause else type(error).__name__}; fetch them elsewhere and give --weights FILE"
        ) from error
    return tensors


def _zoo(name: str) -> ModuleType:
    if name.startswith(timm_zoo.PREFIX):
        return timm_zoo
    known = torchvision_zoo.names()
    if name in known:
        return torchvision_zoo
    otherwise = f"there are {', '.join(ARCHITECTURES)}, torchvision's names and timm:NAME"
    hint = did_you_mean(name, [*ARCHITECTURES, *known], otherwise=otherwise, most=4)
    raise ConfigurationError(f"architecture {name!r} is not known{hint}")
