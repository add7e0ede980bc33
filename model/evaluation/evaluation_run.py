"""Evaluation run: a version and a dataset in, reports and comparisons out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from model.data.dataset import Dataset, Split
from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.evaluation import speed
from model.evaluation.comparison import Comparison, compare, gap, refuse_unlike
from model.evaluation.differences import Difference
from model.evaluation.figures import report
from model.evaluation.predict import predict
from model.evaluation.predictions import Predictions
from model.evaluation.report import Report
from model.evaluation.speed import Benchmark, benchmark
from model.manifest import Manifest
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """What to judge, by what."""

    version: Path
    data: Dataset
    split: str
    against: str | None = None
    device: str = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A version judged."""

    manifest: Manifest
    split: str
    predictions: Predictions
    report: Report
    against: str | None = None
    other: Report | None = None
    gap: Mapping[str, Difference] | None = None
    undivided: bool = False
    """Whether all of the data was judged, since it has no splits."""

    def as_json(self) -> dict[str, JsonValue]:
        """The report, with the version and the split in front, and the gap behind."""
        ref: JsonValue = self.manifest.ref.model_dump()
        document: dict[str, JsonValue] = {
            "model": ref,
            "split": self.split,
            "undivided": self.undivided,
            **self.report.as_json(),
        }
        if self.other is None or self.gap is None:
            return document
        gaps: JsonValue = {name: each.as_json() for name, each in self.gap.items()}
        return {**document, "against": {"split": self.against, "gap": gaps, "report": self.other.as_json()}}


def evaluate(job: EvaluationJob, *, tick: Tick = silent) -> EvaluationResult:
    """Judge one version; its speed is measured last. Raises `ConfigurationError`."""
    if job.against and is_undivided(job.data):
        raise ConfigurationError(
            f"the data has no splits, and all of it is judged: there is no {job.against} to hold it against; "
            "leave --against out"
        )
    photographs = chosen(job.data, job.split)
    others = chosen(job.data, job.against) if job.against else ()
    classifier = Classifier.load(job.version, device=job.device, threads=job.threads)
    seen = predict(classifier, photographs, tick=tick)
    figures = report(seen)
    against = predict(classifier, others, tick=tick) if others else None
    outcome = EvaluationResult(
        classifier.manifest,
        job.split,
        seen,
        replace(figures, speed=speed.measure(classifier, seen.photographs)),
        undivided=is_undivided(job.data),
    )
    if against is None:
        return outcome
    return replace(outcome, against=job.against, other=report(against), gap=gap(seen, against))


@dataclass(frozen=True, slots=True)
class Versus:
    """Two versions on the same photographs."""

    manifests: tuple[Manifest, Manifest]
    split: str
    predictions: tuple[Predictions, Predictions]
    reports: tuple[Report, Report]
    comparison: Comparison
    benchmark: Benchmark
    undivided: bool = False
    """As of an `EvaluationResult`."""

    def as_json(self) -> dict[str, JsonValue]:
        """Who, the comparison, the race, and the report of each."""
        a, b = self.manifests
        return {
            "a": a.ref.model_dump(),
            "b": b.ref.model_dump(),
            "split": self.split,
            "undivided": self.undivided,
            **self.comparison.as_json(),
            "speed": self.benchmark.as_json(),
            "reports": {"a": self.reports[0].as_json(), "b": self.reports[1].as_json()},
        }


def versus(job: EvaluationJob, other: Path, *, tick: Tick = silent) -> Versus:
    """`other` (B) against the order's version (A). Raises `ConfigurationError`."""
    photographs = chosen(job.data, job.split)
    a, b = (
        Classifier.load(folder, device=job.device, threads=job.threads) for folder in (job.version, other)
    )
    refuse_unlike(a.manifest, b.manifest)
    seen = (predict(a, photographs, tick=tick), predict(b, photographs, labels=a.labels, tick=tick))
    return Versus(
        manifests=(a.manifest, b.manifest),
        split=job.split,
        predictions=seen,
        reports=(report(seen[0]), report(seen[1])),
        comparison=compare(*seen),
        benchmark=benchmark(a, b, seen[0].photographs),
        undivided=is_undivided(job.data),
    )


def chosen(data: Dataset, split: str) -> tuple[Photograph, ...]:
    """The photographs of `split`, and those that have none: of data that is to be judged as it is, all.

    Raises `ConfigurationError` where there are none.
    """
    found = tuple(photo for photo in data.photographs if photo.split in {Split(split), Split.UNSET})
    if not any(photo.labels or photo.split is Split.UNSET for photo in found):
        there = Counter(photo.split.value for photo in data.photographs if photo.labels)
        said = " and ".join(f"{count} in {name}" for name, count in sorted(there.items())) or "none at all"
        raise ConfigurationError(
            f"no photographs with tags in the split {split!r}: nothing to judge by; there are {said}"
        )
    return found


def is_undivided(data: Dataset) -> bool:
    """Whether it was read to be judged as it is, and has no splits."""
    return any(photo.split is Split.UNSET for photo in data.photographs)


def said_split(split: str, *, undivided: bool) -> str:
    """Which photographs were judged, for people."""
    return f"{split} (all of the data, which has no splits)" if undivided else split
