"""What a network says of pictures whose tags are known."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.training.pictures import Pictures

BATCH = 32
MEAN = STD = 0.5
"""Of every network here: inputs in [-1, 1]."""


def normalised(images: Tensor) -> Tensor:
    """uint8 -> float in [-1, 1], channels last."""
    return images.float().div_(255 * STD).sub_(MEAN / STD).contiguous(memory_format=torch.channels_last)


def batches(network: nn.Module, images: Tensor, *, size: int) -> Iterator[Tensor]:
    """`images`, uint8 (N, 3, S, S), as normalised inputs of side `size` on the network's device."""
    device = next(network.parameters()).device
    for chunk in torch.split(images, BATCH):
        inputs = normalised(chunk.to(device))
        if inputs.shape[-1] != size:
            inputs = functional.interpolate(inputs, size=(size, size), mode="bilinear", antialias=True)
        yield inputs


@torch.inference_mode()
def logits(network: nn.Module, images: Tensor, *, size: int) -> Tensor:
    """Float (N, labels) on the CPU, the network in evaluation mode."""
    network.eval()
    return torch.cat([network(inputs).float().cpu() for inputs in batches(network, images, size=size)])


def weighted_loss(predicted: Tensor, pictures: Pictures) -> float:
    """Cross-entropy with the ranked targets, each source and label weighing alike: a run is chosen by it."""
    each = functional.binary_cross_entropy_with_logits(predicted, pictures.ranked, reduction="none").mean(1)
    return float((each * pictures.weights).mean())


def top_accuracy(predicted: Tensor, pictures: Pictures) -> float:
    """Share of the photographs whose highest label is their main one; negatives left out."""
    right = predicted.argmax(1) == pictures.mains
    return float(right[~pictures.negative].float().mean())
