"""Digest of what decides a version's answers: figures mean nothing beside other thresholds than theirs."""

from __future__ import annotations

import hashlib
import json

from model.manifest import Manifest

DECISIVE = {
    "task",
    "labels",
    "architecture",
    "input",
    "temperature",
    "thresholds",
    "refusal",
    "sha256",
}
"""The fields of a manifest that move a probability or a tag."""


def digest(manifest: Manifest) -> str:
    """sha256 over the weights' digest and whatever makes tags of their outputs.

    Kept with recorded figures (`metrics[SPLIT]["judged"]`): a threshold edited afterwards shows.
    """
    decisive = manifest.model_dump(mode="json", include=DECISIVE)
    if not manifest.refusal:
        del decisive["refusal"]  # versions that refuse nothing keep the digests that they were recorded with
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
