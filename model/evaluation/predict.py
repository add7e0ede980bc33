"""Batch prediction through the very path that serves: its decoder, its classifier, its thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
import torch

from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.evaluation.figures import report
from model.evaluation.predictions import Predictions
from model.evaluation.report import Report
from model.formats.opening import opened
from model.preprocess import Pixels, Preprocess
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, Rejected

BATCH: Final = 32
DECODERS: Final = 2
LUMA: Final = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue (ITU-R BT.601)."""


def report_of(classifier: Classifier, photographs: Sequence[Photograph], *, tick: Tick = silent) -> Report:
    """The figures of `classifier` on `photographs`.

    Raises `ConfigurationError` for tags that it does not know and where nothing can be read.
    """
    return report(predict(classifier, photographs, tick=tick))


def predict(
    classifier: Classifier,
    photographs: Sequence[Photograph],
    *,
    labels: tuple[str, ...] = (),
    tick: Tick = silent,
) -> Predictions:
    """What `classifier` says of `photographs`, in their order, a batch in memory at a time.

    `labels` are the model's own in the order that the answer shall have. Raises as `report_of` does.
    """
    manifest = classifier.manifest
    _refuse_foreign(classifier, photographs)
    labels = labels or manifest.labels
    seen, unreadable = [], []
    for batch in _batches(photographs, preprocess=classifier.preprocess):
        unreadable += [each for each in batch if isinstance(each, str)]
        seen += _scored(classifier, [each for each in batch if isinstance(each, _Decoded)], labels=labels)
        tick("scoring", len(seen) + len(unreadable), len(photographs))
    if not seen:
        raise ConfigurationError(
            f"none of the {len(photographs)} photographs can be read; {'; '.join(unreadable[:3])}"
        )
    kept, brightness, sides, rows = zip(*seen, strict=True)
    return Predictions(
        task=manifest.task,
        labels=labels,
        thresholds=manifest.thresholds,
        refusal=manifest.refusal,
        photographs=kept,
        probabilities=torch.tensor(rows, dtype=torch.float64),
        brightness=torch.tensor(brightness, dtype=torch.float64),
        sides=torch.tensor(sides),
        unreadable=tuple(unreadable),
    )


@dataclass(frozen=True, slots=True)
class _Decoded:
    photograph: Photograph
    pixels: Pixels
    side: int

    @property
    def brightness(self) -> float:
        return float(LUMA @ self.pixels.mean((1, 2)) / 255)


def _refuse_foreign(classifier: Classifier, photographs: Sequence[Photograph]) -> None:
    known = set(classifier.labels)
    found = {label for photo in photographs for label in (*photo.labels, *photo.maybe)}
    if classifier.manifest.task == "binary" and (known & found or not found):
        return  # everything else is what the label is held against
    if found - known:
        raise ConfigurationError(
            f"the model does not know the labels {sorted(found - known)}, it has {sorted(known)}"
        )


def _batches(photographs: Sequence[Photograph], *, preprocess: Preprocess) -> Iterator[list[_Decoded | str]]:
    """The next batch is decoded while this one is scored."""
    with ThreadPoolExecutor(DECODERS) as pool:
        starts = range(0, len(photographs), BATCH)
        waiting = [pool.submit(_decode, photo, preprocess) for photo in photographs[:BATCH]]
        for start in starts:
            following = photographs[start + BATCH : start + 2 * BATCH]
            current, waiting = waiting, [pool.submit(_decode, photo, preprocess) for photo in following]
            yield [each.result() for each in current]


def _decode(photo: Photograph, preprocess: Preprocess) -> _Decoded | str:
    try:
        data = photo.path.read_bytes()
        pixels = preprocess.decode(data)
    except (Rejected, OSError) as error:
        return f"{photo.path.name}: {error}"
    with opened(BytesIO(data)) as image:
        return _Decoded(photo, pixels, side=max(image.size))


def _scored(
    classifier: Classifier, decoded: Sequence[_Decoded], *, labels: tuple[str, ...]
) -> list[tuple[Photograph, float, int, list[float]]]:
    """All but the pixels: each photograph, its brightness, its longer side and its probabilities."""
    scores = classifier.forward([each.pixels for each in decoded])
    return [
        (each.photograph, each.brightness, each.side, [score.probabilities[label] for label in labels])
        for each, score in zip(decoded, scores, strict=True)
    ]
