"""New versions of weights that are there: thresholds chosen anew, or the mean of several versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from model import checkpoint
from model.data import dataset
from model.evaluation import evaluation_run
from model.evaluation.recalibrating import RecalibrationRequest
from model.evaluation.threshold_targets import Target
from schemas.errors import ConfigurationError

SPLIT: Final = "val"
"""Chosen by, never what is reported on."""


def asked(
    output: Path,
    data: Path,
    *,
    negatives: Path | None,
    targets: Mapping[str, Target],
    refusal: float | None,
) -> RecalibrationRequest:
    """What thresholds are chosen for, and by which photographs.

    Raises `ConfigurationError`, for an `output` that is no NAME-VERSION before any data is read.
    """
    checkpoint.name_and_version(output)
    photographs = evaluation_run.chosen(dataset.read(data, negatives=negatives), SPLIT)
    return RecalibrationRequest(SPLIT, photographs, targets=targets, refusal=refusal)


def notes(file: Path | None) -> str:
    """The text for the card. Raises `ConfigurationError` for a file that is not there."""
    if file is not None and not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file")
    return file.read_text(encoding="utf-8") if file else ""
