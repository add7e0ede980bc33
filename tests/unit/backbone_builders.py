"""Networks whose norms have seen something, and versions of them, for the tests of backbones."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.checkpoint import Version
from model.loading import load
from model.manifest import Golden, Input, Manifest
from model.networks import backbones, zoo
from model.networks.architectures import ARCHITECTURES, build
from model.serving import self_check
from model.training.version_assembly import packed

LABELS = ("ambiance", "food", "human", "menu")

NAMED = (
    *ARCHITECTURES,
    "alexnet",
    "vgg16",
    "googlenet",
    "inception_v3",
    "resnet18",
    "resnet50",
    "densenet121",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_v2_s",
    "convnext_tiny",
    "vit_b_16",
    "timm:xception41",
    "timm:legacy_xception",
)
"""Every backbone that the documentation promises by name."""


def small(name: str) -> int:
    """A small side that the network takes."""
    backbone = backbones.describe(name)
    return max(backbone.min_size, 32 if backbone.fixed else 64)


def weightless(name: str) -> nn.Module:
    """The network without memory or arithmetic: shapes and the order of calls alone."""
    with torch.device("meta"):
        if name in ARCHITECTURES:
            return build(name, len(LABELS)).eval()
        return zoo.build(name, len(LABELS), size=small(name)).eval()


def settled(network: nn.Module, *, size: int) -> nn.Module:
    """`network`, its norms as after some training, its logits about as wide as a sigmoid's slope."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                _unsettle(module)
        last = backbones.head(network)
        seen = backbones.features(network.eval(), torch.rand(2, 3, size, size) * 2 - 1)
        last.weight.normal_()
        last.weight.div_(seen.abs().mean() * seen.shape[1] ** 0.5)
    return network


def _unsettle(norm: nn.modules.batchnorm._BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_(std=0.1)
    norm.running_var.uniform_(0.5, 2)
    norm.weight.uniform_(0.7, 1.3)
    norm.bias.normal_(std=0.1)


def version_of(name: str, network: nn.Module, *, size: int) -> Version:
    """A version of `network` as training packs it, its golden picture scored by the network as it is.

    `network` has the packed weights afterwards, which are fp16.
    """
    weights = packed(network.state_dict())
    load(network, {key: torch.from_numpy(array) for key, array in weights.items()}, source=name)
    file, png = next(iter(self_check.draw().items()))
    backbone = backbones.describe(name)
    inputs = Input(size=size, mean=backbone.mean, std=backbone.std)
    (scores,) = probabilities(network, inputs.preprocess().decode(png)[None], name).tolist()
    known = Golden(file=file, sha256=sha256(png).hexdigest(), scores=dict(zip(LABELS, scores, strict=True)))
    manifest = Manifest(
        name="backbone",
        version="v1",
        labels=LABELS,
        architecture=name,
        input=inputs,
        thresholds=dict.fromkeys(LABELS, 0.5),
        golden=(known,),
    )
    return Version(manifest, weights, card="", golden={file: png})


@torch.inference_mode()
def probabilities(network: nn.Module, images: npt.NDArray[np.uint8], name: str) -> Tensor:
    """(N, labels) of uint8 (N, 3, S, S), by the definition."""
    backbone = backbones.describe(name)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (backbone.mean, backbone.std))
    found: Tensor = network((torch.from_numpy(images) / 255 - mean) / std).sigmoid()
    return found
