"""Check of a runtime by borderline pictures: does it tag them as the version's maker did?

It takes some seconds of a processor, so the answer is kept in the user's cache for as long as nothing that it
depends on changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from model.atomic_folders import write_file
from model.cache_home import cache_home
from model.checkpoint import sha256
from model.manifest import decisive_digest
from model.serving.borderline import Borderline
from model.serving.classifier import TOLERANCE, Classifier
from schemas.errors import DeviceBroken

log = structlog.get_logger(__name__)

CHANGED: Final = {"f32": 0.0, "f16": 0.1}
"""Of the pictures, so many may be tagged otherwise, by precision. They lie within 0.02 of a threshold: of the
packaged version's, fp16 changes 4 of 213 and bf16 59 (ADR 31)."""

BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class BorderlineOutcome:
    """How a runtime did."""

    pictures: int
    changed: int
    """How many are tagged otherwise."""
    largest: float
    """The largest move of a probability."""


def check(classifier: Classifier) -> BorderlineOutcome | None:
    """Score them all; None where the version has none. Raises `DeviceBroken`. Device thread only."""
    pictures = classifier.borderline()
    if pictures is None:
        return None
    found = _scored(classifier, pictures)
    outcome = _compared(classifier, pictures, found=found)
    _refuse(classifier, outcome)
    return outcome


def check_once(classifier: Classifier) -> BorderlineOutcome | None:
    """As `check`; on the same machine, with the same version and library, it is done once."""
    if not classifier.manifest.borderline:
        return None
    kept = _kept(classifier)
    with suppress(OSError, ValueError, TypeError):
        return BorderlineOutcome(**json.loads(kept.read_text()))
    outcome = check(classifier)
    with suppress(OSError):  # nowhere to keep it: it is done again at the next start
        write_file(kept, json.dumps(asdict(outcome) if outcome else {}).encode())
    return outcome


def _scored(
    classifier: Classifier, pictures: Borderline
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    side = classifier.preprocess.size
    rows = []
    for start in range(0, len(pictures), BATCH):
        batch = range(start, min(start + BATCH, len(pictures)))
        rows += classifier.forward([pictures.pixels(row, side=side) for row in batch])
    return np.array([_row(scores.probabilities, classifier.labels) for scores in rows])


def _row(probabilities: Mapping[str, float], labels: tuple[str, ...]) -> list[float]:
    return [probabilities[label] for label in labels]


def _compared(
    classifier: Classifier,
    pictures: Borderline,
    *,
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> BorderlineOutcome:
    thresholds = np.array([classifier.manifest.thresholds[label] for label in classifier.labels])
    near = (np.arange(len(pictures)), pictures.decided)
    of = thresholds[pictures.decided]
    changed = (found[near] >= of) != (pictures.probabilities[near] >= of)
    return BorderlineOutcome(
        pictures=len(pictures),
        changed=int(changed.sum()),
        largest=round(float(np.abs(found - pictures.probabilities).max()), 6),
    )


def _refuse(classifier: Classifier, outcome: BorderlineOutcome) -> None:
    precision = classifier.runtime.precision
    most = int(CHANGED[precision] * outcome.pictures)
    if outcome.changed <= most and outcome.largest <= TOLERANCE[precision]:
        return
    raise DeviceBroken(
        f"{outcome.changed} of {outcome.pictures} pictures near a threshold are tagged otherwise by "
        f"{classifier.computed_by} than when {classifier.ref.name} {classifier.ref.version} was made (at "
        f"most {most} may be), and a probability moves by up to {outcome.largest:.4f} (at most "
        f"{TOLERANCE[precision]}): another device or another release of the library may agree"
    )


def _kept(classifier: Classifier) -> Path:
    """By all that the answer depends on."""
    manifest, runtime = classifier.manifest, classifier.runtime
    of = (
        manifest.borderline,
        manifest.graph,
        decisive_digest(manifest),
        classifier.computed_by,
        runtime.hardware,
    )
    return cache_home() / "borderline" / f"{sha256(repr(of).encode())}.json"
