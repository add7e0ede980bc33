"""Weight averaging of several versions into one, which costs no more than one of them.

Runs that began at the same weights and learned by other seeds or recipes end in one basin; the middle of it
travels better to new sources than any of its edges (Wortsman et al. 2022, "Model soups").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from model import checkpoint
from model.checkpoint import Version, Weights
from model.data.progress import Tick, silent
from model.evaluation.card import card
from model.evaluation.recalibrating import Recalibrated, RecalibrationRequest, decided
from model.evaluation.report import Report
from model.manifest import Manifest
from schemas.errors import ConfigurationError

FEWEST = 2


def average(  # noqa: PLR0913 - one for each thing that a person may choose
    folders: Sequence[Path],
    output: Path,
    *,
    asked: RecalibrationRequest,
    notes: str = "",
    device: str = "auto",
    tick: Tick = silent,
) -> Recalibrated:
    """Write the mean of the versions in `folders` as `output`, NAME-VERSION, decided for `asked.targets`.

    A version named twice counts twice. `notes`, Markdown for the card, follow what it was made of. Raises
    `ConfigurationError` for versions of other networks, labels or inputs than the first's, where `output`
    exists or has no such name, and as `decide` and `judge` do.
    """
    identity = checkpoint.name_and_version(output)
    if len(folders) < FEWEST:
        raise ConfigurationError("an average is of two versions or more")
    versions = [checkpoint.read(folder) for folder in folders]
    whole = replace(versions[0], weights=mean(versions), manifest=_rights(versions))
    made_of = _made_of(versions)

    def text(manifest: Manifest, figures: Report) -> str:
        return card(manifest, reports={asked.split: figures}, notes=f"{made_of}\n\n{notes}".strip())

    return decided(whole, output, asked=asked, identity=identity, text=text, device=device, tick=tick)


def mean(versions: Sequence[Version]) -> Weights:
    """Of every tensor, in the types of the first version. Raises `ConfigurationError` where they differ."""
    first = versions[0]
    for other in versions[1:]:
        _refuse_unlike(first, other)
    return {name: _mean([version.weights for version in versions], name) for name in first.weights}


def _mean(weights: Sequence[Weights], name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    total = np.mean([each[name].astype(np.float64) for each in weights], axis=0)
    return np.ascontiguousarray(total.astype(weights[0][name].dtype))


def _refuse_unlike(first: Version, other: Version) -> None:
    for what, one, two in (
        ("task", first.manifest.task, other.manifest.task),
        ("labels", first.manifest.labels, other.manifest.labels),
        ("architecture", first.manifest.architecture, other.manifest.architecture),
        ("input", first.manifest.input, other.manifest.input),
        ("tensors", _shapes(first.weights), _shapes(other.weights)),
    ):
        if one != two:
            names = f"{_said(first.manifest)} and {_said(other.manifest)}"
            raise ConfigurationError(f"{names} differ in their {what}: their weights have no mean")


def _rights(versions: Sequence[Version]) -> Manifest:
    """The first's manifest, with a licence only where all have that, and what each of them began with."""
    licences = {version.manifest.licence for version in versions}
    origins = dict.fromkeys(version.manifest.began_with for version in versions)
    update = {
        "licence": licences.pop() if len(licences) == 1 else "",
        "began_with": "; ".join(filter(None, origins)),
    }
    return versions[0].manifest.model_copy(update=update)


def _shapes(weights: Weights) -> Mapping[str, tuple[int, ...]]:
    return {name: array.shape for name, array in weights.items()}


def _made_of(versions: Sequence[Version]) -> str:
    lines = [f"- {_said(each.manifest)}, weights `{each.manifest.sha256[:12]}`" for each in versions]
    return "The mean of the weights of these versions, one as much as the other:\n\n" + "\n".join(lines)


def _said(manifest: Manifest) -> str:
    return f"{manifest.name} {manifest.version}"
