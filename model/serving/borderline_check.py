"""Check of a runtime by borderline pictures: does it tag them as the version's maker did?

It takes some seconds of a processor, so the answer is kept in the user's cache for as long as nothing that it
depends on changes.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from model.atomic_folders import write_file
from model.cache_home import cache_file
from model.manifest import decisive_digest
from model.serving.borderline import Borderline
from model.serving.classifier import TOLERANCE, Classifier
from schemas.errors import DeviceBroken
from schemas.tags import Scores

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
    outcome = _compared(classifier, pictures, found=probabilities_of(pictures, by=classifier))
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
    if outcome:
        with suppress(OSError):  # nowhere to keep it: it is done again at the next start
            write_file(kept, json.dumps(asdict(outcome)).encode())
    return outcome


def probabilities_of(pictures: Borderline, *, by: Classifier) -> npt.NDArray[np.float64]:
    """(N, labels), in the version's order. Device thread only."""
    side = by.preprocess.size
    scores: list[Scores] = []
    for start in range(0, len(pictures), BATCH):
        batch = range(start, min(start + BATCH, len(pictures)))
        scores += by.forward([pictures.pixels(row, side=side) for row in batch])
    return np.array([[each.probabilities[label] for label in by.labels] for each in scores])


def _compared(
    classifier: Classifier, pictures: Borderline, *, found: npt.NDArray[np.float64]
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
    return cache_file(
        "borderline",
        manifest.borderline,
        manifest.graph,
        decisive_digest(manifest),
        classifier.computed_by,
        runtime.hardware,
        suffix=".json",
    )
