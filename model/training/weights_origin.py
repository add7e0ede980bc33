"""Origin of weights: what a training began with, and what is known of its licence, in words for the card."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from model import checkpoint

UNSTATED: Final = "licence not stated; look at docs/backbones.md before you sell what comes of it"
NOT_COMMERCIAL: Final = frozenset({"vit_h_14", "regnet_y_128gf"})
"""Of torchvision, whose public weights are SWAG's."""
TIMM: Final = "timm:"


def began_with(weights: Literal["hub"] | Path | None, *, architecture: str) -> str:
    """One line. A version's folder says what its own manifest says; a path is told by its name alone."""
    if weights is None:
        return "none, training began with random weights"
    if weights == "hub":
        return f"public weights of {architecture}, {_public(architecture)}"
    if (weights / "manifest.json").is_file():
        manifest = checkpoint.read_manifest(weights)
        licence = f"licence {manifest.licence}" if manifest.licence else "licence not stated"
        return f"{manifest.name} {manifest.version}, {licence}{_further(manifest.began_with)}"
    return f"the file {weights.name}, licence not known"


def _further(earlier: str) -> str:
    return f"; that one began with: {earlier}" if earlier else ""


def _public(architecture: str) -> str:
    if architecture in NOT_COMMERCIAL:
        return "whose licence forbids commercial use (SWAG, CC BY-NC 4.0)"
    if architecture.startswith(TIMM):
        from timm.models import get_pretrained_cfg  # noqa: PLC0415 - an extra

        found = get_pretrained_cfg(architecture.removeprefix(TIMM))
        stated = getattr(found, "license", None)
        return f"licence {stated}" if stated else UNSTATED
    return UNSTATED
