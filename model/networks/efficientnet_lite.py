"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation, with ReLU6, its stem and head not scaled.

After Google's description of it (2020), which suits processors without fast sigmoids. Padded as TensorFlow
pads, so that the weights that were trained there mean the same here. Parts and their names are torchvision's
EfficientNet's, so that either reads the other's weights; it stands here for the reason that MobileNetV2 does:
importing one network of torchvision imports all of it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from model.networks.layers import MeanPooled, padded_as_tensorflow

STEM: Final = 32
LAST: Final = 1280
STAGES: Final = (
    # expansion, kernel, stride of the first, channels out, blocks: of EfficientNet-B0
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
MULTIPLE: Final = 8
"""Of which channels are, whatever the width."""
LEAST: Final = 0.9
"""Of the channels that the width asks for, what rounding leaves at least."""
DROPPED: Final = 0.2
"""How often the last block is passed by in training; the others less, in a line (Huang et al. 2016, "Deep
networks with stochastic depth")."""
NORM: Final = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class EfficientNetLite(MeanPooled):
    """(N, 3, S, S), S a multiple of 32 -> logits (N, labels)."""

    def __init__(self, labels: int, *, width: float, depth: float, dropout: float) -> None:
        super().__init__(
            features=nn.Sequential(*_body(width, depth)),  # (N, 1280, S/32, S/32)
            classifier=nn.Sequential(nn.Dropout(dropout), nn.Linear(LAST, labels)),
        )
        for module in self.modules():
            _begin(module)


class InvertedBottleneck(nn.Module):
    """MBConv without squeeze-and-excitation: wide within, narrow without, past itself if ends are alike."""

    def __init__(
        self, ends: tuple[int, int], *, expansion: int, kernel: int, stride: int, dropped: float
    ) -> None:
        super().__init__()
        inner, outer = ends
        wide = inner * expansion
        widen = [_convolution(inner, wide, kernel=1)] if expansion != 1 else []
        by_channel = _convolution(wide, wide, kernel=kernel, stride=stride, groups=wide)
        narrow = _linear(wide, outer)
        squeezed = nn.Identity()  # where EfficientNet has its squeeze-and-excitation: the names go by places
        self.block = nn.Sequential(*widen, by_channel, squeezed, narrow)
        self._is_added = stride == 1 and inner == outer
        self._dropped = dropped

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inner, s, s) -> (N, outer, s / stride, s / stride)."""
        narrowed: Tensor = self.block(maps)
        return maps + self._kept(narrowed) if self._is_added else narrowed

    def _kept(self, narrowed: Tensor) -> Tensor:
        """In training some pictures' part is left out, and the others' is the larger for it."""
        if not self.training or not self._dropped:
            return narrowed
        share = 1 - self._dropped
        kept = torch.empty(len(narrowed), 1, 1, 1, device=narrowed.device).bernoulli_(share)
        return narrowed * kept.to(narrowed.dtype) / share


def efficientnet_lite(labels: int, *, width: float, depth: float, dropout: float) -> EfficientNetLite:
    """The network of that width and depth, padded as TensorFlow pads."""
    network = EfficientNetLite(labels, width=width, depth=depth, dropout=dropout)
    padded_as_tensorflow(network)
    return network


def _body(width: float, depth: float) -> list[nn.Module]:
    counts = [_deepened(place, depth) for place in range(len(STAGES))]
    parts: list[nn.Module] = [_convolution(3, STEM, kernel=3, stride=2)]
    channels, number = STEM, 0
    for (expansion, kernel, stride, outer, _), count in zip(STAGES, counts, strict=True):
        stage = nn.Sequential()
        for place in range(count):
            made = InvertedBottleneck(
                (channels, _widened(outer, width)),
                expansion=expansion,
                kernel=kernel,
                stride=1 if place else stride,
                dropped=DROPPED * number / sum(counts),
            )
            stage.append(made)
            channels, number = _widened(outer, width), number + 1
        parts.append(stage)
    return [*parts, _convolution(channels, LAST, kernel=1)]


def _deepened(place: int, depth: float) -> int:
    """Blocks of a stage; the first and the last one are not deepened."""
    blocks = STAGES[place][-1]
    return math.ceil(blocks * depth) if 0 < place < len(STAGES) - 1 else blocks


def _widened(channels: int, width: float) -> int:
    wanted = channels * width
    rounded = max(MULTIPLE, int(wanted + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return rounded if rounded >= LEAST * wanted else rounded + MULTIPLE


def _convolution(inner: int, outer: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    conv = nn.Conv2d(inner, outer, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, NORM(outer), nn.ReLU6(inplace=True))


def _linear(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 1, bias=False), NORM(outer))


def _begin(module: nn.Module) -> None:
    """The first weights of a training from nothing, as torchvision's EfficientNet begins."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        reach = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -reach, reach)
        nn.init.zeros_(module.bias)
