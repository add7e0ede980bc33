"""Every named backbone: its parts where they are said to be, and served as it was trained."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model import checkpoint
from model.networks import backbones
from model.networks.architectures import build
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError
from tests.unit.backbone_builders import LABELS, NAMED, probabilities, settled, small, version_of, weightless

DOCUMENTED = Path(__file__).parents[2] / "docs" / "backbones.md"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a version may lie; large ones do not outlive their test."""
    yield tmp_path / "backbone-v1"
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shadow(name: str, *, images: int = 2) -> torch.Tensor:
    return torch.empty(images, 3, small(name), small(name), device="meta")


def identities(modules: list[nn.Module]) -> list[int]:
    return [id(parameter) for module in modules for parameter in module.parameters()]


def documented(name: str) -> list[str]:
    """The cells of its row."""
    rows = (line.split("|") for line in DOCUMENTED.read_text(encoding="utf-8").splitlines())
    (row,) = (row for row in rows if len(row) > 2 and row[1].strip() == f"`{name}`")
    return row


@pytest.mark.parametrize("name", NAMED)
def test_its_parts_are_where_they_are_said_to_be(name: str, subtests: pytest.Subtests) -> None:
    """One pass without arithmetic shows all of it."""
    network = weightless(name)
    head, stages = backbones.head(network), backbones.stages(network)
    given: list[torch.Tensor] = []
    order: list[int] = []
    for module in (head, network):
        module.register_forward_hook(lambda *call: given.append(call[2]))
    for place, stage in enumerate(stages):
        for module in stage.modules():
            module.register_forward_hook(lambda *_, place=place: order.append(place))
    features = backbones.features(network, shadow(name))

    with subtests.test("the head is linear and gives what the network gives"):
        assert isinstance(head, nn.Linear)
        ours, result = given
        assert result.shape == (2, len(LABELS))
        assert ours.shape[0] == 2
        assert ours.shape[-1] == len(LABELS)  # one that looks at every place gives so many for each
    with subtests.test("the features are what the head takes"):
        assert features.shape == (2, head.in_features)
    with subtests.test("the stages hold every parameter but the head's, once"):
        held = identities(stages) + identities([head])
        assert len(held) == len(set(held))
        assert set(held) == set(identities([network]))
    with subtests.test("the stages come in the order in which they work"):
        assert list(dict.fromkeys(order)) == list(range(len(stages)))
        assert len(stages) >= (2 if name == "tiny" else 5)
    with subtests.test("the documentation counts the parameters"):
        row, backbone = documented(name), backbones.describe(name)
        count = sum(parameter.numel() for parameter in network.parameters())
        if name != "vit_b_16":  # whose positions are of the native size
            assert float(row[2]) == round(count / 1e6, 1)
        assert (int(row[4]), int(row[5])) == (backbone.size, backbone.min_size)


@pytest.mark.parametrize("name", NAMED)
def test_a_version_on_disk_scores_as_the_network_did_before_it_was_folded(name: str, folder: Path) -> None:
    size = small(name)
    network = settled(build(name, len(LABELS), size), size=size)
    checkpoint.write(folder, version_of(name, network, size=size))
    images = np.random.default_rng(0).integers(256, size=(2, 3, size, size), dtype=np.uint8)
    known = probabilities(network, images, name)
    classifier = Classifier.load(folder, device="cpu")
    classifier.check_golden()
    found = [list(scores.probabilities.values()) for scores in classifier.forward(list(images))]
    assert torch.tensor(found).allclose(known, atol=1e-4)
    assert ((known > 0.02) & (known < 0.98)).any()


def test_random_weights_come_from_torchs_generator() -> None:
    made = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        made.append(backbones.create("mobilenet_v3_small", 2, None, size=32))
    one, again, other = (backbones.head(network).weight for network in made)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_network_is_created_ready_for_training() -> None:
    assert all(module.training for module in backbones.create("resnet18", 2, None, size=32).modules())


@pytest.mark.parametrize(
    ("name", "size", "mean"),
    [
        ("resnet18", 224, (0.485, 0.456, 0.406)),
        ("inception_v3", 299, (0.5, 0.5, 0.5)),
        ("googlenet", 224, (0.5, 0.5, 0.5)),
        ("efficientnet_b3", 300, (0.485, 0.456, 0.406)),
        ("timm:xception41", 299, (0.5, 0.5, 0.5)),
        ("mobilenet_v2_same", 224, (0.5, 0.5, 0.5)),
    ],
)
def test_a_backbone_says_what_its_public_weights_saw(
    name: str, size: int, mean: tuple[float, float, float]
) -> None:
    backbone = backbones.describe(name)
    assert (backbone.name, backbone.size, backbone.mean) == (name, size, mean)


@pytest.mark.parametrize(
    ("name", "hint"), [("resnet17", "resnet18"), ("timm:xception40", "timm:xception41"), ("", "tiny")]
)
def test_an_unknown_name_is_refused_with_one_that_is_near(name: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        backbones.describe(name)


@pytest.mark.parametrize(
    ("name", "size", "word"),
    [
        ("inception_v3", 64, "75"),
        ("alexnet", 32, "63"),
        ("vit_b_16", 40, "multiples of 16"),
        ("maxvit_t", 256, "multiples of 224"),
        ("timm:inception_v4", 64, "64 x 64"),
    ],
)
def test_a_size_that_does_not_fit_through_is_refused(name: str, size: int, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        backbones.create(name, 2, None, size=size)


def test_a_network_without_one_linear_head_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="linear"):
        backbones.create("timm:levit_128s", 2, None)


@pytest.mark.parametrize("name", ["timm:resnetv2_50", "squeezenet1_1"])
def test_a_head_that_was_a_convolution_is_linear_too(name: str) -> None:
    network = weightless(name)
    assert network(shadow(name)).shape == (2, len(LABELS))
    assert isinstance(backbones.head(network), nn.Linear)
