"""Test fixture: a model version of a few kilobytes and milliseconds, for whoever serves models.

Its network is of the architecture `tiny`, its weights come from a fixed seed and mean nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from model import checkpoint
from model.checkpoint import Version
from model.manifest import Input, Manifest
from model.networks.architectures import build
from model.policy import DEFAULT_ROUTES
from model.serving import self_check
from model.serving.finishing import finished

LABELS: Final = ("ambiance", "food", "human", "menu")
SIDE: Final = 64
SHARPNESS: Final = 8.0
"""The logits of random weights lie near 0; stretched, pictures differ in their tags."""


def write_tiny_version(folder: Path, *, version: str = "v1", seed: int = 0) -> Path:
    """A small version in `folder`, which must not exist yet; another `seed` scores otherwise."""
    checkpoint.write(folder, finished(_unscored(version, seed=seed), borderline=False))
    return folder


def _unscored(version: str, *, seed: int) -> Version:
    manifest = Manifest(
        name="tiny",
        version=version,
        labels=LABELS,
        architecture="tiny",
        input=Input(size=SIDE),
        temperature=1 / SHARPNESS,
        thresholds=dict.fromkeys(LABELS, 0.5),
        routes=DEFAULT_ROUTES,
        licence="Apache-2.0",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = build("tiny", len(LABELS)).state_dict()
    weights = {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}
    return Version(
        manifest=manifest, weights=weights, card="# tiny\n\nFor tests.\n", golden=self_check.draw()
    )
