"""torchvision's classification networks, by its own names."""

from __future__ import annotations

from typing import Any, Final

import torchvision.models
from torch import Tensor, nn
from torch.hub import load_state_dict_from_url

from model.networks.backbone import HALF, IMAGENET_MEAN, IMAGENET_STD, SMALLEST, Backbone

models: Any = torchvision.models
"""Untyped on purpose: its names are re-exported in a way that a strict type checker does not see."""

HALVED: Final = ("googlenet", "inception_v3")
"""Trained on inputs in [-1, 1]; `transform_input` makes these of ImageNet's. We feed them directly."""

VIT_PATCH: Final = {"vit_b_16": 16, "vit_b_32": 32, "vit_l_16": 16, "vit_l_32": 32, "vit_h_14": 14}
MAXVIT_STEP: Final = 32 * 7
"""Four halvings after the stem's, each into whole windows of 7 x 7."""


def names() -> list[str]:
    """Every name that `describe` and `build` take."""
    found: list[str] = models.list_models(module=models)
    return found


def describe(name: str) -> Backbone:
    """From the metadata of its public weights; nothing is downloaded."""
    weights = _weights(name)
    preset = weights.transforms.keywords
    halved = name in HALVED
    return Backbone(
        name=name,
        size=preset["crop_size"],
        mean=HALF if halved else preset.get("mean", IMAGENET_MEAN),
        std=HALF if halved else preset.get("std", IMAGENET_STD),
        min_size=_min_size(name, known=weights.meta["min_size"][0]),
        multiple=MAXVIT_STEP if name == "maxvit_t" else VIT_PATCH.get(name, 1),
        fixed=name in VIT_PATCH or name == "maxvit_t",
    )


def build(name: str, labels: int, *, size: int) -> nn.Module:
    """Of random weights; no auxiliary outputs; a head of `labels` outputs that ends in a linear layer."""
    network: nn.Module = models.get_model(name, num_classes=labels, weights=None, **_options(name, size=size))
    if isinstance(network, models.SqueezeNet):
        network.classifier = _linear_head(labels)
    return network


def public(name: str) -> dict[str, Tensor]:
    """The tensors of the public weights, from torch's cache or its download server. Raises `OSError`."""
    state: dict[str, Tensor] = load_state_dict_from_url(
        _weights(name).url, map_location="cpu", progress=False, check_hash=True, weights_only=True
    )
    return state


def address(name: str) -> str:
    """Where the public weights are."""
    url: str = _weights(name).url
    return url


def _weights(name: str) -> Any:  # noqa: ANN401 - an enum of its own each
    return models.get_model_weights(name).DEFAULT


def _min_size(name: str, *, known: int) -> int:
    """`known` is torchvision's word: of transformers the size of the weights rather than a bound."""
    if name.startswith("swin") or name in VIT_PATCH:
        return SMALLEST
    return max(SMALLEST, known)


def _options(name: str, *, size: int) -> dict[str, object]:
    if name in HALVED:
        return {"aux_logits": False, "transform_input": False, "init_weights": True}
    if name in VIT_PATCH:
        return {"image_size": size}
    return {"input_size": (size, size)} if name == "maxvit_t" else {}


def _linear_head(labels: int) -> nn.Sequential:
    """SqueezeNet's own ends in a rectifier, below which no sigmoid can say no. Pooling first is the same."""
    return nn.Sequential(nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, labels))
