"""The head that looks at every place of a picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from model.networks import backbones
from model.networks.architectures import build
from model.networks.layers import SHARE, ResidualAttention
from model.runtimes.batchnorm_folding import fold
from tests.unit.backbone_builders import settled

WEIGHT = torch.tensor([[1.0, 0.0], [0.0, 2.0]])


def head() -> ResidualAttention:
    """Its body hands on what it is given: two channels, read off by two labels."""
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(WEIGHT)
        linear.bias.copy_(torch.tensor([0.5, -0.5]))
    return ResidualAttention(nn.Identity(), nn.Sequential(linear))


def test_what_is_alike_everywhere_counts_as_its_mean() -> None:
    maps = torch.tensor([3.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    assert head()(maps).tolist() == [[3.5, 1.5]]


def test_what_fills_one_place_alone_counts_for_more_than_its_share_of_the_picture() -> None:
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 1, 2, 3] = 8.0  # the mean of its channel is 0.5, the label's best place 16
    logits = head()(maps)
    assert logits[0, 0].item() == pytest.approx(0.5)
    assert logits[0, 1].item() == pytest.approx(1.0 - 0.5 + SHARE * (16.0 - 1.0))


def test_the_order_of_places_says_nothing() -> None:
    maps = torch.randn(2, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    turned = maps.flip(2).transpose(2, 3)
    assert torch.allclose(head()(maps), head()(turned))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return settled(build("mobilenet_v2_csra", 4), size=64)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1


@torch.inference_mode()
def test_weights_of_the_plain_network_fit_and_its_features_are_the_pooled_ones(
    network: nn.Module, images: Tensor
) -> None:
    plain = build("mobilenet_v2_same", 4).eval()
    plain.load_state_dict(network.state_dict())
    pooled = backbones.features(plain, images)
    assert pooled.shape == (2, 1280)
    assert torch.allclose(backbones.features(network, images), pooled, atol=1e-5)
    assert not torch.allclose(network(images), plain(images), atol=1e-3)


@torch.inference_mode()
def test_folded_it_says_the_same(network: nn.Module, images: Tensor) -> None:
    before = network(images)
    assert torch.allclose(fold(network)(images), before, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
