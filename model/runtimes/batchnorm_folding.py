"""Batch-norm folding: norms go into the convolutions that feed them, for the same scores and less work.

A norm that has come to rest is a scale and a shift of each channel, which the convolution before it can
do at no cost. Before it means before it in the flow of data: the order in which a module names its
children says nothing (DenseNet's norms come before their convolutions, Inception's branches lie side by
side), so the flow is traced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.networks.layers import SameConv2d

CONVOLUTIONS: Final = (nn.Conv2d, SameConv2d)
"""Those that use their weights as they are. A subclass may standardise them first, and undo the scale."""
PADDED: Final = "timm.layers.conv2d_same.Conv2dSame"
ACTIVATED: Final = "timm.layers.norm_act.BatchNormAct2d"
"""timm's norm, which holds what comes after it as well. By name: serving needs no timm."""


def fold(network: nn.Module) -> nn.Module:
    """`network`, in evaluation mode, with each batch norm folded into the convolution before it, in place.

    Only where the convolution feeds the norm and nothing else, and both are used once. What cannot be
    traced is left as it is.
    """
    once = _used_in_one_place(network)
    for conv, norm in list(_pairs(network)):
        if conv in once and norm in once:
            _fuse(network, conv=conv, norm=norm)
    return network


class _Tracer(fx.Tracer):
    """Records the calls of layers; convolutions and norms are layers, whatever they do inside."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            _is_convolution(m)
            or _is_norm(m)
            or not any(True for _ in m.children())
            or super().is_leaf_module(m, module_qualified_name)
        )


def _pairs(network: nn.Module, *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Convolutions and the norms that they feed, by name; what cannot be traced whole, part by part."""
    try:
        graph = _Tracer().trace(network)
    except Exception:  # noqa: BLE001 - tracing runs the network's own code, which may refuse in any way
        for name, child in network.named_children():
            if any(True for _ in child.children()):
                yield from _pairs(child, prefix=f"{prefix}{name}.")
        return
    for first, second in _fed(graph, network):
        yield prefix + first, prefix + second


def _fed(graph: fx.Graph, network: nn.Module) -> Iterator[tuple[str, str]]:
    layers = dict(network.named_modules())
    calls = [node for node in graph.nodes if node.op == "call_module"]
    times = Counter(str(node.target) for node in calls)
    for norm in calls:
        conv = norm.args[0] if norm.args else None
        if not isinstance(conv, fx.Node) or conv.op != "call_module" or len(conv.users) > 1:
            continue
        first, second = str(conv.target), str(norm.target)
        is_pair = _is_convolution(layers[first]) and _is_norm(layers[second])
        if is_pair and times[first] == times[second] == 1:
            yield first, second


def _used_in_one_place(network: nn.Module) -> set[str]:
    names = [(name, id(module)) for name, module in network.named_modules(remove_duplicate=False)]
    times = Counter(identity for _, identity in names)
    return {name for name, identity in names if times[identity] == 1}


def _fuse(network: nn.Module, *, conv: str, norm: str) -> None:
    resting = network.get_submodule(norm)
    fused = fuse_conv_bn_eval(network.get_submodule(conv), resting)  # type: ignore[type-var, arg-type]
    network.set_submodule(conv, fused)
    # In evaluation its own dropout does nothing; its activation does.
    network.set_submodule(norm, getattr(resting, "act", nn.Identity()))


def _is_convolution(module: nn.Module) -> bool:
    return type(module) in CONVOLUTIONS or _name(module) == PADDED


def _is_norm(module: nn.Module) -> bool:
    is_known = type(module) is nn.BatchNorm2d or _name(module) == ACTIVATED
    return is_known and isinstance(module, nn.BatchNorm2d) and module.running_mean is not None


def _name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
