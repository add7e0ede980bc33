"""Weight layout conversion: public weights as they lie on disk into the networks as we build them."""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import torchvision.models
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

Tensors = dict[str, Tensor]

models: Any = torchvision.models

DENSE: Final = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\.\w+)$")
"""`norm.1.weight`, as in torchvision's file, for what it calls `norm1.weight` today."""
CONVOLVED: Final = "classifier.1."
POSITIONS: Final = "encoder.pos_embedding"


def adapted(network: nn.Module, tensors: Tensors) -> Tensors:
    """`tensors`, of an older layout or made for another input size, as `network` would hold them."""
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
