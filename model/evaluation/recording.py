"""Recording of figures in the manifest and on the card of the version that they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from model import checkpoint
from model.atomic_folders import keep
from model.data.photograph import Photograph
from model.evaluation.card import section
from model.evaluation.report import Report
from model.manifest import Manifest, decisive_digest
from schemas.errors import ConfigurationError


def entry(manifest: Manifest, report: Report, *, data: str) -> JsonValue:
    """What `metrics[SPLIT]` holds: the figures, of which decisions and of which photographs they are."""
    return {**report.as_json(), "judged": decisive_digest(manifest), "data": data}


def data_digest(photographs: Sequence[Photograph]) -> str:
    """sha256 over the names and tags of what was judged."""
    lines = sorted(f"{photo.path.name}|{';'.join(photo.labels)}" for photo in photographs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
