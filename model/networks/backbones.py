"""The networks that can be trained, by name, and what training must know of them.

A backbone is a network without its head: the part that is learned from other people's photographs and
kept. `create` gives a network; `head`, `stages` and `features` say where its parts are, the same way for
all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from model.networks import weights_file, zoo
from model.networks.architectures import build
from model.networks.backbone import Backbone
from model.networks.parts import features, head, stages
from model.networks.zoo import describe
from schemas.errors import ConfigurationError

__all__ = ["Backbone", "create", "describe", "features", "head", "stages"]


def create(
    name: str, labels: int, weights: Literal["hub"] | Path | None, *, size: int | None = None
) -> nn.Module:
    """The network `name` with a head of `labels` outputs, for images of `size` (its own by default).

    `weights`: "hub" (public ones, downloaded), a file (.safetensors, .pth, .pt, or a version's folder), or
    none: random, from torch's global generator. The head is random where the weights' is of another shape.
    Raises `ConfigurationError`: a name not known, a size that cannot be, no hub, a file of other weights.
    """
    network = build(name, labels, size)
    _try(network, size=size or zoo.describe(name).size, name=name)
    if weights == "hub":
        weights_file.fill(network, zoo.public(name), source=f"the public weights of {name}")
    elif weights is not None:
        weights_file.fill(network, weights_file.read(weights), source=str(weights))
    return network


def _try(network: nn.Module, *, size: int, name: str) -> None:
    """One black image through the network: hours later would be too late to learn that it does not fit."""
    head(network)
    network.eval()
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ConfigurationError(f"{name} takes no images of {size} x {size}: {error}") from error
    network.train()
