"""Recorded figures as evidence for the promotion gate: what two manifests say, if it is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.evaluation.differences import Paired
from model.manifest import Manifest, decisive_digest
from schemas.errors import ConfigurationError

Figures = Mapping[str, Any]
"""A report, as JSON: `model.evaluation.report.Report.as_json`."""
Pairs = Mapping[str, Paired]
"""By a row's name; where both were judged on the same photographs here."""


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """The reports of both on the same photographs."""

    champion: Figures | None
    """None where there is no champion yet."""
    candidate: Figures
    data: str
    """Digest of the photographs."""
    pairs: Pairs = field(default_factory=dict)
    """Empty where figures were recorded: which photographs they differ on is not."""


def recorded(champion: Manifest | None, candidate: Manifest, *, split: str) -> GateEvidence:
    """The figures that the manifests carry of `split`, if they were taken of these very versions.

    Raises `ConfigurationError`, which says how to mend it, where one has none, where the thresholds are
    no longer those that it was judged with, or where the two were judged on other photographs.
    """
    theirs = _figures(candidate, split)
    data = _data(candidate, theirs)
    if champion is None:
        return GateEvidence(None, theirs, data)
    ours = _figures(champion, split)
    if not data or data != _data(champion, ours):
        raise ConfigurationError(
            f"{_name(candidate)} and {_name(champion)} were judged on different photographs of {split!r}: "
            "their figures cannot be compared; give --data DATA, and both are judged on the same here"
        )
    return GateEvidence(ours, theirs, data)


def _figures(manifest: Manifest, split: str) -> Figures:
    found = manifest.metrics.get(split)
    if not isinstance(found, dict) or "top_accuracy" not in found:
        raise ConfigurationError(
            f"{_name(manifest)} carries no figures of {split!r}; give --data DATA, and it is judged here, or "
            f"record them before it is published: tagstream model evaluate DATA --split {split} --record"
        )
    if found.get("judged") != decisive_digest(manifest):
        raise ConfigurationError(
            f"{_name(manifest)}: its figures of {split!r} were not taken with these weights, labels and "
            "thresholds; give --data DATA, and it is judged here as it is"
        )
    return found


def _data(manifest: Manifest, figures: Figures) -> str:
    digest = figures.get("data")
    return digest if isinstance(digest, str) else manifest.data_digest


def _name(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.version}"
