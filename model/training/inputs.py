"""Input normalisation and batched inference for training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH: Final = 32
"""Pictures at a time where nothing is learned."""
HALF: Final = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a network is fed: (value / 255 - mean) / std, channel by channel, in squares of side `size`."""

    size: int
    mean: tuple[float, ...] = HALF
    std: tuple[float, ...] = HALF

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, S, S) -> float of the same shape, channels last."""
        mean, std = (
            torch.tensor(each, device=images.device).view(1, 3, 1, 1) for each in (self.mean, self.std)
        )
        return images.float().div_(255 * std).sub_(mean / std).contiguous(memory_format=torch.channels_last)

    def batches(self, network: nn.Module, images: Tensor) -> Iterator[Tensor]:
        """`images`, uint8 (N, 3, S, S), as inputs on the network's device, brought to `size`."""
        device = next(network.parameters()).device
        for chunk in torch.split(images, BATCH):
            inputs = self.normalised(chunk.to(device))
            if inputs.shape[-1] != self.size:
                side = (self.size, self.size)
                inputs = functional.interpolate(inputs, size=side, mode="bilinear", antialias=True)
            yield inputs

    @torch.inference_mode()
    def logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """Float (N, labels) on the CPU, the network in evaluation mode."""
        network.eval()
        return torch.cat([network(inputs).float().cpu() for inputs in self.batches(network, images)])
