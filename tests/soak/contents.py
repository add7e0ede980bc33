"""Photographs to upload, and which labels hold of each: known beforehand, not asked of the workers."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol

from agents.testing import LABELS
from model.checkpoint import PACKAGED, read_manifest
from model.manifest import Manifest

Labels = frozenset[str]

THRESHOLD: Final = 0.7
VERSION: Final = b"1"
VARIANTS: Final = 5
"""Contents that a key ever has: the history of scores stays of one size, as fast in the last hour as in
the first, over a server that looks through all of it."""
_BAND: Final = 0.12
"""A label so near to its threshold may be held in place by what was announced before."""


class Contents(Protocol):
    """Where photographs come from."""

    def photograph(self, key: str, dice: random.Random) -> bytes:
        """One for `key`, of a handful that it ever has; the workers can decode it."""

    def labels(self, data: bytes) -> Labels:
        """Those that hold of it."""


class RandomBytes:
    """For the fake tagger, which sees in the digest of the bytes what no two models would agree on."""

    def photograph(self, key: str, dice: random.Random) -> bytes:
        """No two keys' are alike, and none is what the fake tagger takes for broken."""
        of_this = random.Random(f"{key} {dice.randrange(VARIANTS)}")
        return b"photograph " + of_this.randbytes(of_this.randint(32, 2_000))

    def labels(self, data: bytes) -> Labels:
        """By the definition in `agents.testing`, written once more: the oracle is to have its own."""
        digest = hashlib.sha256(data + VERSION).digest()
        return frozenset(label for place, label in enumerate(LABELS) if digest[place] / 255 >= THRESHOLD)


class Samples:
    """The packaged sample photographs, for the packaged model; it is asked about them once, before all."""

    def __init__(self) -> None:
        paths = [Path(str(each)) for each in files("tagstream.samples").iterdir()]
        known = _classified([path for path in paths if path.suffix in {".jpg", ".png", ".webp"}])
        self._labels = {path.read_bytes(): labels for path, labels in known.items()}

    def photograph(self, key: str, dice: random.Random) -> bytes:  # noqa: ARG002 - the same for all
        """One of some ten."""
        return dice.choice(list(self._labels))

    def labels(self, data: bytes) -> Labels:
        """As the model said in a process of its own."""
        return self._labels[data]


def _classified(paths: list[Path]) -> Mapping[Path, Labels]:
    """Those of which no label is near its threshold, nor the highest near the refusal."""
    command = [sys.executable, "-m", "tagstream", "classify", "--json", *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    manifest = read_manifest(PACKAGED)
    return {
        Path(answer["path"]): frozenset(tag["label"] for tag in answer["tags"] if tag["tagged"])
        for answer in answers
        if _is_clear({tag["label"]: tag["probability"] for tag in answer["tags"]}, manifest)
    }


def _is_clear(probabilities: Mapping[str, float], manifest: Manifest) -> bool:
    edges = [(chance, manifest.thresholds[label]) for label, chance in probabilities.items()]
    edges.append((max(probabilities.values()), manifest.refusal))
    return all(abs(chance - edge) > _BAND for chance, edge in edges)
