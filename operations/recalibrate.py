"""New versions of weights that are there: thresholds chosen anew, or the mean of several versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from model import checkpoint
from model.data import dataset
from model.data.progress import Tick
from model.evaluation import averaging, evaluation_run, recalibrating
from model.evaluation.calibration import Target
from model.evaluation.recalibrating import Recalibrated, RecalibrationRequest
from schemas.errors import ConfigurationError

SPLIT: Final = "val"
"""Chosen by, never what is reported on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalibrateRequest:
    """What thresholds are chosen for, and by which photographs."""

    output: Path
    """The new version's folder, NAME-VERSION."""
    data: Path
    negatives: Path | None = None
    targets: Mapping[str, Target] = field(default_factory=dict)
    refusal: float | None = None
    device: str = "auto"


def calibrate(folder: Path, request: RecalibrateRequest, *, tick: Tick) -> Recalibrated:
    """The version's weights with thresholds chosen anew. Raises `ConfigurationError`."""
    checkpoint.name_and_version(request.output)
    chosen = _chosen(request)
    return recalibrating.recalibrate(folder, request.output, asked=chosen, device=request.device, tick=tick)


def average(
    folders: Sequence[Path], request: RecalibrateRequest, *, notes: Path | None, tick: Tick
) -> Recalibrated:
    """The mean of the versions' weights, with thresholds of its own. Raises `ConfigurationError`."""
    checkpoint.name_and_version(request.output)
    if notes is not None and not notes.is_file():
        raise ConfigurationError(f"{notes}: there is no such file")
    chosen = _chosen(request)
    text = notes.read_text(encoding="utf-8") if notes else ""
    return averaging.average(
        folders, request.output, asked=chosen, notes=text, device=request.device, tick=tick
    )


def _chosen(request: RecalibrateRequest) -> RecalibrationRequest:
    photographs = evaluation_run.chosen(dataset.read(request.data, negatives=request.negatives), SPLIT)
    return RecalibrationRequest(SPLIT, photographs, targets=request.targets, refusal=request.refusal)
