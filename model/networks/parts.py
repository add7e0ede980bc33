"""Parts of any network: its head, its body in stages, what the body hands to the head."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from schemas.errors import ConfigurationError

FEWEST_STAGES: Final = 5
PLACES: Final = 3
"""Dimensions of what a head sees that looks at every place: (N, places, C)."""


def head(network: nn.Module) -> nn.Linear:
    """The last linear layer, (..., C) -> (..., labels). Raises `ConfigurationError` if there is none."""
    last = _last(network)
    if not isinstance(last, nn.Linear):
        raise ConfigurationError(f"{type(network).__name__} does not end in one linear layer")
    return last


def features(network: nn.Module, images: Tensor) -> Tensor:
    """What the head sees of normalised `images` (N, 3, S, S): (N, C), the mean of what it sees of places."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor]) -> None:
        seen.append(inputs[0])

    hook = head(network).register_forward_pre_hook(keep)
    try:
        network(images)
    finally:
        hook.remove()
    found = seen[0]
    return found.mean(1) if found.ndim == PLACES else found.flatten(1)


def stages(network: nn.Module) -> list[nn.Module]:
    """The body from input to output, in parts that together hold every parameter but the head's, each once.

    At least `FEWEST_STAGES` where the network has so many: blocks of a chain, layers of a small network.
    For freezing and for layer-wise rates; what the parts compute together is the network's own affair.
    """
    last = head(network)
    parts = _divided(network, without=last)
    while len(_joined(parts)) < FEWEST_STAGES:
        large = [part for part in parts if _is_divisible(part)]
        if not large:
            break
        at = parts.index(max(large, key=_weight))
        parts[at : at + 1] = _divided(parts[at], without=last)
    return _joined(parts)


def _last(network: nn.Module) -> nn.Module | None:
    if hasattr(network, "get_classifier"):  # timm's
        found: nn.Module = network.get_classifier()  # type: ignore[operator]
        return found
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else None


def _divided(module: nn.Module, *, without: nn.Module) -> list[nn.Module]:
    """What `module` holds of its own, and its children with parameters; a child around the head opened."""
    own = list(module.parameters(recurse=False))
    parts: list[nn.Module] = [nn.ParameterList(own)] if own else []
    for child in module.children():
        if any(each is without for each in child.modules()):
            parts += _divided(child, without=without) if child is not without else []
        elif _weight(child):
            parts.append(child)
    return parts


def _is_divisible(part: nn.Module) -> bool:
    return any(True for _ in part.children())


def _joined(parts: list[nn.Module]) -> list[nn.Module]:
    """`parts` with what is no layer of its own (norms, positions, tokens) put to the layer before it.

    At the very beginning, where none is before it, to the layer after it.
    """
    groups: list[list[nn.Module]] = []
    for part in parts:
        if groups and not (_is_layer(part) and any(map(_is_layer, groups[-1]))):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [group[0] if len(group) == 1 else nn.ModuleList(group) for group in groups]


def _is_layer(part: nn.Module) -> bool:
    """Whether there are matrices in it."""
    if isinstance(part, nn.ParameterList):
        return False
    return any(parameter.squeeze().ndim > 1 for parameter in part.parameters())


def _weight(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
