"""A network of any architecture, by its name."""

from __future__ import annotations

from torch import nn

from model.networks.architectures import ARCHITECTURES


def build(architecture: str, labels: int, size: int | None = None) -> nn.Module:
    """A network of random weights that maps (N, 3, S, S) to logits (N, labels).

    Those of our own, torchvision's by its names, and timm's as `timm:NAME`. `size` is S where it is
    known: some are built for one size alone. Raises `ConfigurationError` for a name that is not known,
    and for a size that the network cannot take.
    """
    if architecture in ARCHITECTURES:
        return ARCHITECTURES[architecture](labels)
    from model.networks import zoo  # noqa: PLC0415 - serving one of our own needs none of the others

    return zoo.build(architecture, labels, size=size)
