"""Recording of figures in the manifest and on the card of the version that they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import JsonValue

from model import checkpoint
from model.atomic_folders import keep
from model.checkpoint import Version
from model.data.photograph import Photograph
from model.evaluation.card import section
from model.evaluation.figures import report as figures_of
from model.evaluation.predictions import Predictions
from model.evaluation.report import Report
from model.manifest import Manifest, decisive_digest
from schemas.errors import ConfigurationError


def entry(manifest: Manifest, report: Report, *, data: str) -> JsonValue:
    """What `metrics[SPLIT]` holds: the figures, of which decisions and of which photographs they are."""
    return {**report.as_json(), "judged": decisive_digest(manifest), "data": data}


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """The figures of one split."""

    report: Report
    data: str
    """Which photographs they are of: `data_digest`."""

    @classmethod
    def of(cls, predictions: Predictions) -> Self:
        """Every figure but the speed."""
        return cls(figures_of(predictions), data_digest(predictions.photographs))


def publish(
    folder: Path, version: Version, *, findings: Mapping[str, SplitFigures], text: Callable[[Manifest], str]
) -> Manifest:
    """Write `version` with its metrics and the card that `text` makes; raises as `checkpoint.write` does."""
    sealed = checkpoint.sealed(version).manifest
    metrics = {split: entry(sealed, found.report, data=found.data) for split, found in findings.items()}
    manifest = sealed.model_copy(update={"metrics": metrics})
    return checkpoint.write(folder, replace(version, manifest=manifest, card=text(manifest)))


def data_digest(photographs: Sequence[Photograph]) -> str:
    """sha256 over the names, tags and maybes of what was judged."""
    lines = sorted(map(_line, photographs))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(photo: Photograph) -> str:
    """Without a maybe as it was before there were any: figures that were recorded then still compare."""
    said = f"{photo.path.name}|{';'.join(photo.labels)}"
    return f"{said}|{';'.join(photo.maybe)}" if photo.maybe else said


def refuse_recorded(folder: Path, split: str) -> None:
    """Raises `ConfigurationError` where the version has a report on `split`: before long work, too."""
    if split in checkpoint.read_manifest(folder).metrics:
        raise ConfigurationError(f"{folder}: a report on {split!r} is recorded already")


def record(folder: Path, split: str, *, report: Report, data: str) -> None:
    """Add one split's report to a version's metrics and card.

    Raises `ConfigurationError` where it has one, or the version cannot be written to.
    """
    refuse_recorded(folder, split)
    version = checkpoint.read(folder)
    metrics = {**version.manifest.metrics, split: entry(version.manifest, report, data=data)}
    manifest = version.manifest.model_copy(update={"metrics": metrics})
    # The card first: killed between the two, the command can be given again.
    earlier = version.card.split(f"\n## Report on `{split}`\n")[0].rstrip()
    keep(folder / checkpoint.CARD, f"{earlier}\n\n{section(split, report)}\n")
    keep(folder / checkpoint.MANIFEST, manifest.model_dump_json(indent=2) + "\n")
