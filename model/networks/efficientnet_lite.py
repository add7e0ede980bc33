"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation, with ReLU6, its stem and head not scaled.

After Google's description of it (2020), which suits processors without fast sigmoids. Padded as TensorFlow
pads, so that the weights that were trained there mean the same here.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Any, Final

from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConv, MBConvConfig

from model.networks.layers import padded_as_tensorflow

STEM: Final = 32
LAST: Final = 1280
STAGES: Final = (
    # expansion, kernel, stride, channels in, channels out, blocks: of EfficientNet-B0
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
NORM: Final = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


def efficientnet_lite(labels: int, *, width: float, depth: float, dropout: float) -> nn.Module:
    """(N, 3, S, S), S a multiple of 32 -> logits (N, labels); with torchvision's `features`, `classifier`."""
    stages = [
        MBConvConfig(
            expansion,
            kernel,
            stride,
            MBConvConfig.adjust_channels(inner, width) if place else STEM,
            MBConvConfig.adjust_channels(outer, width),
            # The first and the last stage are not deepened.
            ceil(blocks * depth) if 0 < place < len(STAGES) - 1 else blocks,
            block=_plain,
        )
        for place, (expansion, kernel, stride, inner, outer, blocks) in enumerate(STAGES)
    ]
    network = EfficientNet(stages, dropout, num_classes=labels, norm_layer=NORM, last_channel=LAST)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.SiLU):
            network.set_submodule(name, nn.ReLU6(inplace=True))
    return padded_as_tensorflow(network)


def _plain(config: Any, depth: float, norm: Any) -> MBConv:  # noqa: ANN401 - torchvision's own
    """A block without squeeze-and-excitation."""
    return MBConv(config, depth, norm, se_layer=_unsqueezed)


def _unsqueezed(*_channels: int, activation: object) -> nn.Module:  # noqa: ARG001 - torchvision passes it
    return nn.Identity()
