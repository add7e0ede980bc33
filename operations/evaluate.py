"""Keeps the report of an evaluation with its version; compares renditions, and runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.data import dataset
from model.data.progress import Tick
from model.evaluation import recording
from model.evaluation.evaluation_run import EvaluationJob, EvaluationResult
from model.evaluation.parity import Parity
from model.evaluation.parity import parity as measure_parity
from model.evaluation.runtime_parity import RuntimeParity
from model.evaluation.runtime_parity import runtime_parity as measure_runtimes
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError
from schemas.rendition_recipe import RenditionRecipe


def record(job: EvaluationJob, result: EvaluationResult) -> None:
    """Add the report to the version's card and manifest."""
    data = recording.data_digest(result.predictions.photographs)
    recording.record(job.version, job.split, report=result.report, data=data)


def parity(folder: Path, data: Path, *, recipe: RenditionRecipe, threads: int | None, tick: Tick) -> Parity:
    """Whether the version says the same of photographs and of their renditions by `recipe`."""
    classifier = Classifier.load(folder, threads=threads)
    return measure_parity(classifier, dataset.to_score(data), recipe=recipe, tick=tick)


def runtime_parity(
    folder: Path, data: Path, *, runtimes: Sequence[str], threads: int | None, tick: Tick
) -> tuple[RuntimeParity, ...]:
    """Whether the version tags photographs alike by all of `runtimes`: openvino, torch, cuda or cuda:N.

    Raises `ConfigurationError` for one that is unknown or not here, and for fewer than two.
    """
    if len(runtimes) < 2:  # noqa: PLR2004 - one and another
        raise ConfigurationError(
            "--runtimes wants two or more, as in torch,openvino: others beside the first"
        )
    classifiers = [_by(folder, runtime, threads=threads) for runtime in runtimes]
    return measure_runtimes(classifiers, dataset.to_score(data), tick=tick)


def _by(folder: Path, runtime: str, *, threads: int | None) -> Classifier:
    if runtime == "openvino":
        return Classifier.load(folder, device="cpu", threads=threads, runtime="openvino")
    if runtime == "torch" or runtime.startswith("cuda"):
        device = "cpu" if runtime == "torch" else runtime
        return Classifier.load(folder, device=device, threads=threads, runtime="torch")
    raise ConfigurationError(f"--runtimes: {runtime!r} is not one of openvino, torch, cuda, cuda:N")
