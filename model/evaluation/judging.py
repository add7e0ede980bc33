"""A version judged through the very path that serves: its decoder, its classifier, its thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.classifier import Classifier
from model.data.dataset import Photograph
from model.evaluation.report import Report, report
from model.training.evaluation import BATCH
from model.training.pictures import Pictures, Tick, load, silent
from schemas.errors import ConfigurationError


def judge(classifier: Classifier, photographs: Sequence[Photograph], *, tick: Tick = silent) -> Report:
    """The figures of `classifier` on `photographs`.

    Raises `ConfigurationError` for tags that it does not know and where nothing can be read.
    """
    foreign = {label for photo in photographs for label in photo.labels} - set(classifier.labels)
    if foreign:
        raise ConfigurationError(f"the model does not know the labels {sorted(foreign)}")
    pictures = load(photographs, labels=classifier.labels, preprocess=classifier.preprocess, tick=tick)
    return judge_pictures(classifier, pictures, tick=tick)


def judge_pictures(classifier: Classifier, pictures: Pictures, *, tick: Tick = silent) -> Report:
    """The same of pictures that `classifier.preprocess` has decoded."""
    rows: list[list[float]] = []
    for chunk in torch.split(pictures.images, BATCH):
        scores = classifier.forward(list(chunk.numpy()))
        rows += [[each.probabilities[label] for label in classifier.labels] for each in scores]
        tick("scoring", len(rows), len(pictures))
    return report(torch.tensor(rows), pictures, thresholds=classifier.manifest.thresholds)
