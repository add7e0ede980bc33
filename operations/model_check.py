"""Health check of the model: whole and as it was published, and on a GPU also what it scores.

Where nothing but the processor can run it, its bytes are what may be wrong, and they are verified alone:
to load the network takes longer than all other checks together. A worker scores the golden images when it
starts, in any case.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings
from model import checkpoint, devices


async def look(config: Settings, *, scores: bool) -> str:
    """What it finds; the golden images are scored where `scores`, or where there may be a GPU."""
    found = await resolve_model(config)
    if scores or devices.may_be_gpu(config.model.device):
        return await asyncio.to_thread(_scored, config, found.folder)
    manifest = (await asyncio.to_thread(checkpoint.read, found.folder)).manifest
    whole = f"{manifest.name} {manifest.version} is whole, for the CPU"
    return f"{whole}; --score also scores its {len(manifest.golden)} golden images, as a worker does"


def _scored(config: Settings, folder: Path) -> str:
    from model.serving import borderline_check  # noqa: PLC0415 - the same
    from model.serving.classifier import Classifier  # noqa: PLC0415 - the network's library takes its time

    classifier = Classifier.load(folder, device=config.model.device, threads=config.model.threads)
    classifier.check_golden()
    outcome = borderline_check.check(classifier)
    manifest = classifier.manifest
    said = f"{manifest.name} {manifest.version} by {classifier.computed_by}, {len(manifest.golden)} golden"
    if outcome is None:
        return f"{said} images score as they should"
    near = f"of {outcome.pictures} near a threshold {outcome.changed} are tagged otherwise"
    return f"{said} images score as they should; {near}"
