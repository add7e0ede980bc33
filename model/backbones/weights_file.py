"""Weights from files: read without running anything that is in them, and matched to a network by name."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model import checkpoint
from model.backbones import parts
from schemas.errors import ConfigurationError

AUXILIARY: Final = ("aux1.", "aux2.", "AuxLogits.")
"""Outputs that GoogLeNet and Inception have for training from nothing; we build neither."""

WRAPPINGS: Final = ("state_dict", "model", "model_state_dict")
"""Under which training programs keep the tensors in their checkpoints."""

NAMED: Final = 3
"""So many tensors an error names."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors in `path`: .safetensors, .pth or .pt, or the folder of a version of ours.

    Raises `ConfigurationError`. Of a pickle only tensors are read, nothing in it is run.
    """
    file = path / checkpoint.WEIGHTS if path.is_dir() else path
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return _unwrapped(torch.load(file, map_location="cpu", weights_only=True), file=file)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(f"{file}: no weights can be read from it: {reason}") from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> None:
    """Load `tensors` into `network`, all but a head for other labels. Raises `ConfigurationError`."""
    head = _head_names(network)
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if not name.startswith(AUXILIARY)
        and not (name in head and (name not in own or tensor.shape != own[name].shape))
    }
    lacking, foreign = load(network, fitting, source=source)
    lacking = [name for name in lacking if name not in head]
    if lacking or foreign:
        raise ConfigurationError(f"{source}: not the weights of this network: {_told(lacking, foreign)}")


def load(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> tuple[list[str], list[str]]:
    """Load what fits by name; the names that are lacking and those that are foreign. fp16 is widened.

    Tensors of integers (counters, indices) are made with the network, and lack nothing. Raises
    `ConfigurationError` where a tensor has another shape than the network's of that name.
    """
    state: Any = OrderedDict(tensors)
    # MNASNet refuses tensors without a version of their layout; only a pickle of its own has one.
    state._metadata = getattr(tensors, "_metadata", {"": {"version": 2}})  # noqa: SLF001 - as torch reads it
    try:
        found = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        problem = str(error).splitlines()[-1].strip()
        raise ConfigurationError(f"{source}: not the weights of this network: {problem}") from error
    own = network.state_dict()
    lacking = [name for name in found.missing_keys if own[name].is_floating_point()]
    return lacking, list(found.unexpected_keys)


def _head_names(network: nn.Module) -> set[str]:
    last = parts.head(network)
    prefix = next(name for name, module in network.named_modules() if module is last)
    return {f"{prefix}.weight", f"{prefix}.bias"}


def _unwrapped(found: object, *, file: Path) -> dict[str, Tensor]:
    for wrapping in WRAPPINGS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapping), Mapping):
            found = found[wrapping]
    if not isinstance(found, dict) or not all(isinstance(each, Tensor) for each in found.values()):
        raise ConfigurationError(f"{file}: it holds something else than tensors by name")
    return found


def _told(lacking: list[str], foreign: list[str]) -> str:
    told = [
        f"{len(names)} {kind}, among them {', '.join(names[:NAMED])}"
        for kind, names in (("are missing", lacking), ("are foreign", foreign))
        if names
    ]
    return "; ".join(told)
