"""Health check of the model: whole and as it was published, and on a GPU also what it scores.

Where nothing but the processor can run it, its bytes are what may be wrong, and they are verified without
torch, whose import takes longer than all other checks together. A worker scores the golden images when it
starts, in any case.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings
from model import checkpoint

_GPUS: Final = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")))
"""Where drivers put them."""


async def look(config: Settings, *, scores: bool) -> str:
    """What it finds; the golden images are scored where `scores`, or where there may be a GPU."""
    found = await resolve_model(config)
    if scores or may_be_on_gpu(config.model.device):
        return await asyncio.to_thread(_scored, config, found.folder)
    manifest = (await asyncio.to_thread(checkpoint.read, found.folder)).manifest
    whole = f"{manifest.name} {manifest.version} is whole, for the CPU"
    return f"{whole}; --score also scores its {len(manifest.golden)} golden images, as a worker does"


def may_be_on_gpu(device: str) -> bool:
    """Whether `device` of the settings could be a GPU of this machine."""
    return device.startswith("cuda") or (device == "auto" and any(gpu.exists() for gpu in _GPUS))


def _scored(config: Settings, folder: Path) -> str:
    from model.serving.classifier import Classifier  # noqa: PLC0415 - torch takes its time

    classifier = Classifier.load(folder, device=config.model.device, threads=config.model.threads)
    classifier.check_golden()
    manifest = classifier.manifest
    golden = f"{len(manifest.golden)} golden images score as they should"
    return f"{manifest.name} {manifest.version} on {classifier.device}, {golden}"
