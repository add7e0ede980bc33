"""timm's networks, as `timm:NAME`. timm is imported when one is asked for, never before."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Final

from torch import Tensor, nn

from model.networks.backbone import SMALLEST, Backbone
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError

PREFIX: Final = "timm:"


def describe(name: str) -> Backbone:
    """From timm's configuration of its public weights. Raises `ConfigurationError` for an unknown name."""
    config = _config(name)
    return Backbone(
        name=name,
        size=config.input_size[-1],
        mean=tuple(config.mean),
        std=tuple(config.std),
        min_size=config.min_input_size[-1] if config.min_input_size else SMALLEST,
        fixed=config.fixed_input_size,
    )


def build(name: str, labels: int, *, size: int) -> nn.Module:
    """Of random weights. Raises `ConfigurationError` for an unknown name or a size that it cannot take."""
    config = _config(name)
    is_other = config.fixed_input_size and size != config.input_size[-1]
    sized = {"img_size": size} if is_other else {}
    try:
        network: nn.Module = _timm().create_model(_bare(name), num_classes=labels, **sized)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} cannot be built for images of {size} x {size}: {error}") from error
    return _linear_head(network)


def public(name: str) -> dict[str, Tensor]:
    """The tensors of the public weights, from timm's cache or its hub. Raises whatever the hub raises."""
    return dict(_timm().create_model(_bare(name), pretrained=True).state_dict())


def address(name: str) -> str:
    """Where the public weights are."""
    config = _config(name)
    return str(config.hf_hub_id or config.url)


class MapLinear(nn.Linear):
    """A linear layer in the place of a convolution of 1 x 1 behind the pooling."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class calls it so
        """(N, C, 1, 1) -> (N, labels, 1, 1)."""
        return super().forward(input.flatten(1))[:, :, None, None]


def _linear_head(network: nn.Module) -> nn.Module:
    """`network` with a convolution that is its head made linear, so that heads are alike. In place."""
    for name, module in list(network.named_modules()):
        if module is network.get_classifier() and isinstance(module, nn.Conv2d):  # type: ignore[operator]
            linear = MapLinear(module.in_channels, module.out_channels, bias=module.bias is not None)
            network.set_submodule(name, linear)
    return network


def _config(name: str) -> Any:  # noqa: ANN401 - timm's own, of its own types
    timm = _timm()
    bare = _bare(name)
    if not timm.is_model(bare):
        hint = did_you_mean(name, [PREFIX + each for each in timm.list_models()], common=PREFIX, most=4)
        raise ConfigurationError(f"timm has no network {bare!r}{hint}")
    return timm.get_pretrained_cfg(bare, allow_unregistered=True)


def _bare(name: str) -> str:
    return name.removeprefix(PREFIX)


def _timm() -> ModuleType:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ConfigurationError(
            "networks named timm:NAME need timm: pip install 'tagstream[train]'"
        ) from error
