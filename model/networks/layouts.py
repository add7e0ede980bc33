"""Weight layout conversion: public weights as they lie on disk into the networks as we build them."""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import torchvision.models
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

from model.networks.efficientnet_lite import InvertedBottleneck

Tensors = dict[str, Tensor]

models: Any = torchvision.models

DENSE: Final = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\.\w+)$")
"""`norm.1.weight`, as in torchvision's file, for what it calls `norm1.weight` today."""
CONVOLVED: Final = "classifier.1."
POSITIONS: Final = "encoder.pos_embedding"
LITE_STEM: Final = "_conv_stem.weight"
"""Of EfficientNet-Lite in the layout that PyTorch's first EfficientNets had: blocks are counted through."""
LITE_BLOCK: Final = re.compile(r"^_blocks\.(\d+)\.(\w+)\.(\w+)$")
LITE_PARTS: Final = {"_expand_conv": (0, 0), "_bn0": (0, 1), "_depthwise_conv": (1, 0), "_bn1": (1, 1)}
"""Where they are in a block of ours that widens: in which of its layers, and the convolution or the norm."""
WIDENING: Final = 4
"""Layers of such a block; one that does not has none to widen by."""
LITE_LAST: Final = {"_project_conv": 0, "_bn2": 1}
LITE_ENDS: Final = {
    "_conv_stem": "features.0.0",
    "_bn0": "features.0.1",
    "_conv_head": "features.8.0",
    "_bn1": "features.8.1",
    "_fc": "classifier.1",
}


def adapted(network: nn.Module, tensors: Tensors) -> Tensors:
    """`tensors`, of an older layout or made for another input size, as `network` would hold them."""
    if LITE_STEM in tensors:
        return _efficientnet_lite(network, tensors)
    if hasattr(network, "pretrained_cfg"):
        return _by_timm(network, tensors)
    for kind, change in _CHANGES.items():
        if isinstance(network, getattr(models, kind)):
            return change(network, tensors)
    return tensors


def _by_timm(network: nn.Module, tensors: Tensors) -> Tensors:
    """Through the filter that stands beside the network's class, where there is one."""
    own = network.state_dict()
    if all(name in own and own[name].shape == tensor.shape for name, tensor in tensors.items()):
        return tensors
    adapt = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    return dict(adapt(tensors, network)) if adapt else tensors


def _efficientnet_lite(network: nn.Module, tensors: Tensors) -> Tensors:
    """Blocks that are counted through, where ours are within stages; what is not known keeps its name."""
    blocks = [
        (place, len(module.block))
        for place, module in network.named_modules()
        if isinstance(module, InvertedBottleneck)
    ]
    return {_lite_name(name, blocks): tensor for name, tensor in tensors.items()}


def _lite_name(name: str, blocks: Sequence[tuple[str, int]]) -> str:
    """Ours; `blocks` are their places in our network, and how many layers each has: the first widens not."""
    found = LITE_BLOCK.match(name)
    if found is None:
        part, _, leaf = name.partition(".")
        return f"{LITE_ENDS[part]}.{leaf}" if part in LITE_ENDS else name
    number, part, leaf = int(found[1]), found[2], found[3]
    if number >= len(blocks):
        return name
    place, layers = blocks[number]
    widens = layers == WIDENING
    if part in LITE_LAST:
        return f"{place}.block.{layers - 1}.{LITE_LAST[part]}.{leaf}"
    if part not in LITE_PARTS:
        return name
    layer, within = LITE_PARTS[part]
    return f"{place}.block.{layer - (not widens)}.{within}.{leaf}"


def _densenet(_: nn.Module, tensors: Tensors) -> Tensors:
    return {DENSE.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}


def _squeezenet(_: nn.Module, tensors: Tensors) -> Tensors:
    """Its head is a convolution of 1 x 1 before the pooling; ours is the same as a linear layer behind it."""
    changed = {name: tensor for name, tensor in tensors.items() if not name.startswith(CONVOLVED)}
    for name in tensors.keys() - changed.keys():
        changed[name.replace(CONVOLVED, "classifier.3.")] = tensors[name].squeeze()
    return changed


def _vision_transformer(network: nn.Module, tensors: Tensors) -> Tensors:
    """Positions of another input size are interpolated, as torchvision's own recipes do."""
    positions = tensors.get(POSITIONS)
    if positions is None or positions.shape == network.state_dict()[POSITIONS].shape:
        return tensors
    size: Any = network.image_size
    patch: Any = network.patch_size
    return dict(interpolate_embeddings(size, patch, OrderedDict(tensors)))


_CHANGES: Final[dict[str, Callable[[nn.Module, Tensors], Tensors]]] = {
    "DenseNet": _densenet,
    "SqueezeNet": _squeezenet,
    "VisionTransformer": _vision_transformer,
}
