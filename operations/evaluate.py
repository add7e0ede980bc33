"""Evaluates a version on photographs whose labels are known, alone or beside another version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.data import dataset
from model.data.progress import Tick
from model.evaluation import evaluation_run, recording
from model.evaluation.evaluation_run import EvaluationJob, EvaluationResult, Versus
from model.evaluation.parity import Parity
from model.evaluation.parity import parity as measure_parity
from model.serving.classifier import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """Which version, and by which photographs."""

    folder: Path
    data: Path
    negatives: Path | None = None
    split: str = "test"
    against: str | None = None
    """Another split, for the generalisation gap."""
    record: bool = False
    """Whether the report is to be kept with the version."""
    device: str = "auto"
    threads: int | None = None


def evaluate(request: EvaluateRequest, *, tick: Tick) -> EvaluationResult:
    """The figures. Raises `ConfigurationError`, also where the version has a record of that split."""
    if request.record:
        recording.refuse_recorded(request.folder, request.split)
    return evaluation_run.evaluate(_job(request), tick=tick)


def record(request: EvaluateRequest, result: EvaluationResult) -> None:
    """Add the report to the version's card and manifest."""
    data = recording.data_digest(result.predictions.photographs)
    recording.record(request.folder, request.split, report=result.report, data=data)


def compare(request: EvaluateRequest, other: Path, *, tick: Tick) -> Versus:
    """The version `other` held against that of the request."""
    return evaluation_run.versus(_job(request), other, tick=tick)


def parity(folder: Path, data: Path, *, side: int, threads: int | None, tick: Tick) -> Parity:
    """Whether the version says the same of photographs and of renditions of `side` pixels."""
    classifier = Classifier.load(folder, threads=threads)
    photographs = dataset.read(data).photographs
    return measure_parity(classifier, photographs, side=side, tick=tick)


def _job(request: EvaluateRequest) -> EvaluationJob:
    return EvaluationJob(
        request.folder,
        dataset.read(request.data, negatives=request.negatives),
        split=request.split,
        against=request.against,
        device=request.device,
        threads=request.threads,
    )
