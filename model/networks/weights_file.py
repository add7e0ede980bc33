"""Weights from files: read without running anything that is in them, and matched to a network by name."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from model import checkpoint, safetensors_header
from model.loading import Mismatch, load
from model.networks import parts
from model.networks.layouts import adapted
from schemas.errors import ConfigurationError

AUXILIARY: Final = ("aux1.", "aux2.", "AuxLogits.")
"""Outputs that GoogLeNet and Inception have for training from nothing; we build neither."""

WRAPPINGS: Final = ("state_dict", "model", "model_state_dict")
"""Under which training programs keep the tensors in their checkpoints."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors in `path`: .safetensors, .pth or .pt, or the folder of a version of ours.

    Raises `ConfigurationError`. Of a pickle only tensors are read, nothing in it is run.
    """
    file = path / checkpoint.WEIGHTS if path.is_dir() else path
    try:
        if file.suffix == ".safetensors":
            safetensors_header.read(file)
            return load_file(file)
        return _unwrapped(torch.load(file, map_location="cpu", weights_only=True), file=file)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(f"{file}: no weights can be read from it: {reason}") from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> None:
    """Load `tensors` into `network`, all but a head for other labels. Raises `ConfigurationError`."""
    head = _head_names(network)
    own = network.state_dict()
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith(AUXILIARY)}
    fitting = {
        name: tensor
        for name, tensor in adapted(network, body).items()
        if name not in head or (name in own and tensor.shape == own[name].shape)
    }
    blame = f"{source}: not the weights of this network"
    found = load(network, fitting, source=blame)
    mismatch = Mismatch(tuple(name for name in found.lacking if name not in head), found.foreign)
    if mismatch:
        raise ConfigurationError(f"{blame}: {mismatch}")


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
