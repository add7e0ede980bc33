"""Norms are folded where the flow of data allows it, whatever the order of names says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.architectures import build
from model.networks.layers import SameConv2d
from model.runtimes.batchnorm_folding import fold
from tests.unit.backbone_builders import settled


def conv() -> nn.Conv2d:
    return nn.Conv2d(3, 3, kernel_size=3, padding=1)


class Net(nn.Module):
    """Two convolutions and two norms, named one after another; what feeds what says `flow`."""

    def __init__(self, flow: Callable[[Net, Tensor], Tensor], *, first: nn.Module | None = None) -> None:
        super().__init__()
        self.first = first or conv()
        self.norm = nn.BatchNorm2d(3)
        self.second = conv()
        self.other = nn.BatchNorm2d(3)
        self.flow = flow
        self.head = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, 2)."""
        logits: Tensor = self.head(self.flow(self, images).mean((2, 3)))
        return logits


def chain(net: Net, x: Tensor) -> Tensor:
    flown: Tensor = net.other(net.second(net.norm(net.first(x)).relu())).relu()
    return flown


def before(net: Net, x: Tensor) -> Tensor:
    """Pre-activation, as in DenseNet: the norms stand before the convolutions."""
    flown: Tensor = net.second(net.norm(x).relu()) + net.first(net.other(x).relu())
    return flown


def crossed(net: Net, x: Tensor) -> Tensor:
    """Each norm behind the other's convolution."""
    flown: Tensor = net.norm(net.second(net.other(net.first(x)).relu())).relu()
    return flown


def around(net: Net, x: Tensor) -> Tensor:
    """The first convolution's output is wanted without its norm, too."""
    raw = net.first(x)
    flown: Tensor = net.other(net.second(net.norm(raw).relu())) + raw
    return flown


def twice(net: Net, x: Tensor) -> Tensor:
    """The first convolution works in two places."""
    flown: Tensor = net.norm(net.first(x)) + net.other(net.second(net.first(x).relu()))
    return flown


def shared(net: Net, x: Tensor) -> Tensor:
    """One norm behind both convolutions."""
    flown: Tensor = net.norm(net.first(x)) + net.norm(net.second(x))
    return flown


def undecided(net: Net, x: Tensor) -> Tensor:
    """What cannot be traced, for it depends on the values."""
    flown = chain(net, x)
    return flown if float(flown.sum()) > 0 else -flown


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def assert_same_when_folded(network: nn.Module) -> None:
    settled(network, size=16)
    images = torch.rand(2, 3, 16, 16)
    with torch.inference_mode():
        known = network(images)
        assert fold(network)(images).allclose(known, atol=1e-5)


@pytest.mark.parametrize(
    ("flow", "left"),
    [(chain, 0), (before, 2), (crossed, 0), (around, 1), (twice, 1), (shared, 2), (undecided, 2)],
)
def test_folding_follows_the_flow_of_data_and_changes_no_score(
    flow: Callable[[Net, Tensor], Tensor], left: int
) -> None:
    network = Net(flow)
    assert_same_when_folded(network)
    assert norms(network) == left


def test_parts_that_can_be_traced_are_folded_in_a_whole_that_cannot() -> None:
    network = Net(undecided, first=nn.Sequential(conv(), nn.BatchNorm2d(3), nn.ReLU()))
    assert_same_when_folded(network)
    assert norms(network) == 2


def test_a_convolution_that_stands_in_two_parts_is_left_alone() -> None:
    one = conv()
    network = Net(undecided, first=nn.Sequential(one, nn.BatchNorm2d(3)))
    network.second = nn.Sequential(one, nn.BatchNorm2d(3))  # type: ignore[assignment]
    assert_same_when_folded(network)
    assert norms(network) == 4


def test_a_convolution_padded_as_tensorflow_is_folded_too() -> None:
    network = Net(chain, first=SameConv2d(3, 3, kernel_size=3, stride=2))
    assert_same_when_folded(network)
    assert norms(network) == 0


class Standardised(nn.Conv2d):
    """Takes the scale out of its weights before it uses them, as some networks do."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class calls it so
        """(N, C, S, S) -> (N, D, S, S)."""
        weight = functional.normalize(self.weight.flatten(1)).view_as(self.weight)
        return functional.conv2d(input, weight, self.bias, padding=1)


def test_a_convolution_that_standardises_its_weights_keeps_its_norm() -> None:
    network = Net(chain, first=Standardised(3, 3, kernel_size=3, padding=1))
    assert_same_when_folded(network)
    assert norms(network) == 1


def test_a_norm_without_running_statistics_is_kept() -> None:
    network = Net(chain)
    network.norm = nn.BatchNorm2d(3, track_running_stats=False)
    network.other = nn.BatchNorm2d(3, affine=False)
    network.eval()
    images = torch.rand(2, 3, 16, 16)
    with torch.inference_mode():
        known = network(images)
        assert fold(network)(images).allclose(known, atol=1e-5)
    assert norms(network) == 1


@pytest.mark.parametrize(
    ("name", "left"),
    [("resnet18", 0), ("efficientnet_lite0", 0), ("densenet121", 62), ("timm:mobilenetv3_small_050", 0)],
)
def test_of_a_backbone_no_norm_is_left_that_a_convolution_feeds(name: str, left: int) -> None:
    assert norms(fold(build(name, 2, 64).eval())) == left
