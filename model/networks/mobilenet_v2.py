"""MobileNetV2 1.0 (Sandler and others 2018): a body of inverted residuals with linear bottlenecks.

Parts, their names and their first weights are torchvision's, so that either reads the other's weights and a
training begins at the same ones. It stands here because importing one network of torchvision imports all of
it, and half of torch's compiler with it: more time than the network itself takes for a photograph.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from model.networks.layers import MeanPooled

STEM: Final = 32
LAST: Final = 1280
STAGES: Final = (
    # expansion, channels out, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
DROPOUT: Final = 0.2


class MobileNetV2(MeanPooled):
    """(N, 3, S, S) -> logits (N, labels)."""

    def __init__(self, labels: int) -> None:
        channels = STEM
        blocks: list[nn.Module] = [_convolution(3, channels, kernel=3, stride=2)]
        for expansion, outer, count, stride in STAGES:
            for place in range(count):
                blocks.append(InvertedResidual(channels, outer, 1 if place else stride, expansion))
                channels = outer
        blocks.append(_convolution(channels, LAST, kernel=1))
        super().__init__(
            features=nn.Sequential(*blocks),  # (N, 1280, S/32, S/32)
            classifier=nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(LAST, labels)),
        )
        for module in self.modules():
            _begin(module)


class InvertedResidual(nn.Module):
    """Wide within, narrow without, and past itself where both ends are alike."""

    def __init__(self, inner: int, outer: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inner * expansion
        widen = [_convolution(inner, wide, kernel=1)] if expansion != 1 else []
        by_channel = _convolution(wide, wide, kernel=3, stride=stride, groups=wide)
        narrow = (nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer))
        self.conv = nn.Sequential(*widen, by_channel, *narrow)
        self._is_added = stride == 1 and inner == outer

    def forward(self, maps: Tensor) -> Tensor:
        """(N, inner, s, s) -> (N, outer, s / stride, s / stride)."""
        narrowed: Tensor = self.conv(maps)
        return maps + narrowed if self._is_added else narrowed


def _convolution(inner: int, outer: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU6(inplace=True),
    )


def _begin(module: nn.Module) -> None:
    """The first weights of a training from nothing."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)
