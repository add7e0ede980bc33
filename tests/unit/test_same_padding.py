"""Convolutions of stride 2 are padded as TensorFlow documents SAME, at even and at odd sides."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from model.networks.layers import SameConv2d


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(12, 12), (11, 11), (15, 8), (6, 7)])
def test_padding_is_as_tensorflow_defines_it(kernel: int, height: int, width: int) -> None:
    conv = SameConv2d(2, 2, kernel_size=kernel, stride=2, bias=False)
    image = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    padding = [amount for side in (width, height) for amount in _as_documented(side, kernel)]
    expected = functional.conv2d(functional.pad(image, padding), conv.weight, stride=2)
    torch.testing.assert_close(conv(image), expected)
    assert conv(image).shape[-2:] == (-(-height // 2), -(-width // 2))


def _as_documented(side: int, kernel: int) -> tuple[int, int]:
    """Before and after: max((ceil(side / 2) - 1) * 2 + kernel - side, 0), the odd pixel after."""
    total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
    return total // 2, total - total // 2
