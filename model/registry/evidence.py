"""What a candidate and the champion are held against each other by: figures that can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model import judged
from model.manifest import Manifest
from model.registry.gate import Figures, Pairs
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Evidence:
    """The reports of both on the same photographs."""

    champion: Figures | None
    """None where there is no champion yet."""
    candidate: Figures
    data: str
    """Digest of the photographs."""
    pairs: Pairs = field(default_factory=dict)
    """Empty where figures were recorded: which photographs they differ on is not."""


def recorded(champion: Manifest | None, candidate: Manifest, *, split: str) -> Evidence:
    """The figures that the manifests carry of `split`, if they were taken of these very versions.

    Raises `ConfigurationError`, which says how to mend it, where one has none, where the thresholds are
    no longer those that it was judged with, or where the two were judged on other photographs.
    """
    theirs = _figures(candidate, split)
    data = _data(candidate, theirs)
    if champion is None:
        return Evidence(None, theirs, data)
    ours = _figures(champion, split)
    if not data or data != _data(champion, ours):
        raise ConfigurationError(
            f"{_name(candidate)} and {_name(champion)} were judged on different photographs of {split!r}: "
            "their figures cannot be compared; give --data DATA, and both are judged on the same here"
        )
    return Evidence(ours, theirs, data)


def _figures(manifest: Manifest, split: str) -> Mapping[str, Any]:
    found = manifest.metrics.get(split)
    if not isinstance(found, dict) or "top_accuracy" not in found:
        raise ConfigurationError(
            f"{_name(manifest)} carries no figures of {split!r}; give --data DATA, and it is judged here, or "
            f"record them before it is published: tagstream model evaluate DATA --split {split} --record"
        )
    if found.get("judged") != judged.digest(manifest):
        raise ConfigurationError(
            f"{_name(manifest)}: its figures of {split!r} were not taken with these weights, labels and "
            "thresholds; give --data DATA, and it is judged here as it is"
        )
    return found


def _data(manifest: Manifest, figures: Mapping[str, Any]) -> str:
    said = figures.get("data")
    return said if isinstance(said, str) else manifest.data_digest


def _name(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.version}"
