"""Keeps the report of an evaluation with its version; holds photographs against their renditions."""

from __future__ import annotations

from pathlib import Path

from model.data import dataset
from model.data.photograph import Split
from model.data.progress import Tick
from model.evaluation import recording
from model.evaluation.evaluation_run import EvaluationJob, EvaluationResult
from model.evaluation.parity import Parity
from model.evaluation.parity import parity as measure_parity
from model.serving.classifier import Classifier


def record(job: EvaluationJob, result: EvaluationResult) -> None:
    """Add the report to the version's card and manifest."""
    data = recording.data_digest(result.predictions.photographs)
    recording.record(job.version, job.split, report=result.report, data=data)


def parity(folder: Path, data: Path, *, side: int, threads: int | None, tick: Tick) -> Parity:
    """Whether the version says the same of photographs and of renditions of `side` pixels."""
    classifier = Classifier.load(folder, threads=threads)
    photographs = dataset.to_judge(data, split=Split.TEST).photographs
    return measure_parity(classifier, photographs, side=side, tick=tick)
