"""Review batches: what a model proposes for photographs, the least sure first, for a person to correct.

`review.csv` has a row a photograph: `labels` begins as what was `suggested`, `maybe` as what was
`suggested_maybe`, and these are the columns to correct; `reviewed` is for `yes`, where a row was looked at
and is right as it stands. The batch is then a source of `tagstream data import`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from model.data.labels import SEPARATOR
from model.manifest import Manifest
from model.policy import needed
from schemas import csv_cells

COLUMNS: Final = ("path", "labels", "maybe", "reviewed", "suggested", "suggested_maybe", "uncertainty")
"""Then a column a label, with its probability."""

MEASURE: Final = (
    "1 less the margin: how far the probability nearest to its threshold is from it, as a share of its way to"
    " 0 or to 1"
)

DOUBTFUL: Final = 1 / 3
"""A probability nearer to its threshold than this share of its way to 0 or to 1 is proposed as a maybe."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model says of one photograph."""

    path: Path
    place: str
    probabilities: Mapping[str, float]
    suggested: tuple[str, ...]
    """The surest first."""
    uncertainty: float
    """From 0, sure, to 1: on the edge of a threshold."""
    maybe: tuple[str, ...] = ()
    """Labels that are near their thresholds, on either side; the likeliest first."""


def propose(path: Path, place: str, probabilities: Mapping[str, float], manifest: Manifest) -> Proposal:
    """The labels above their thresholds, those too near to say, and how near another answer is. Pure."""
    ordered = sorted(probabilities, key=lambda label: (-probabilities[label], label))
    if manifest.task == "single_label":
        ordered = ordered[:1]
    least = needed(probabilities, thresholds=manifest.thresholds, refusal=manifest.refusal)
    margins = {label: _margin(probabilities[label], least[label]) for label in ordered}
    maybe = tuple(label for label in ordered if margins[label] < DOUBTFUL)
    tagged = tuple(label for label in ordered if probabilities[label] >= least[label] and label not in maybe)
    lead = [_lead(probabilities)] if manifest.task == "single_label" else []
    return Proposal(path, place, probabilities, tagged, round(1 - min(*margins.values(), *lead), 4), maybe)


def least_sure_first(proposals: Sequence[Proposal]) -> list[Proposal]:
    """In the order in which a person's time is worth the most."""
    return sorted(proposals, key=lambda each: (-each.uncertainty, each.place))


def as_csv(proposals: Sequence[Proposal], labels: Sequence[str], *, folder: Path) -> str:
    """`review.csv` for the batch in `folder`; paths are relative to it, so that both may move together."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"p_{label}" for label in labels)])
    for each in proposals:
        cell, maybe = SEPARATOR.join(each.suggested), SEPARATOR.join(each.maybe)
        path = os.path.relpath(each.path.resolve(), folder.resolve())
        chances = (f"{each.probabilities[label]:.4f}" for label in labels)
        texts = map(csv_cells.written, (path, cell, maybe, "", cell, maybe))
        writer.writerow([*texts, f"{each.uncertainty:.4f}", *chances])
    return text.getvalue()


def _margin(probability: float, threshold: float) -> float:
    """From 0, at the threshold, to 1, at 0 or 1."""
    if probability >= threshold:
        return (probability - threshold) / (1 - threshold) if threshold < 1 else 0.0
    return (threshold - probability) / threshold


def _lead(probabilities: Mapping[str, float]) -> float:
    """Of the top label before the second one; of one label all there is."""
    first, *rest = sorted(probabilities.values(), reverse=True)
    return first - rest[0] if rest else 1.0
