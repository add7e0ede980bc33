"""Devices by name."""

from __future__ import annotations

import torch

from schemas.errors import ConfigurationError


def device(name: str, *, asked_by: str = "device") -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises `ConfigurationError`, which begins with `asked_by`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f"{asked_by} {name!r} is not one of auto, cpu, cuda, cuda:N") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(f"{asked_by} {name!r} is not on this machine")
    return found
