"""Devices by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

_GPUS: Final = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")))
"""Where drivers put them."""


def may_be_gpu(name: str) -> bool:
    """Whether the device called `name` could be a GPU of this machine; asks no library."""
    return name.startswith("cuda") or (name == "auto" and any(gpu.exists() for gpu in _GPUS))


def device(name: str, *, asked_by: str = "device") -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises `ConfigurationError`, which begins with `asked_by`. Imports torch."""
    import torch  # noqa: PLC0415 - a worker on a processor has none

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f"{asked_by} {name!r} is not one of auto, cpu, cuda, cuda:N") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(f"{asked_by} {name!r} is not on this machine")
    return found
