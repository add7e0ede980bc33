"""Backbone comparison run: each trained and measured; one that fails stops no other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from model import checkpoint
from model.comparison.comparison_job import ComparisonJob, Weights, plain
from model.comparison.row import SCRATCH, BackboneFigures, BackboneRow, IntervalValue
from model.data import dataset
from model.data.dataset import Dataset, Split
from model.data.photograph import Photograph
from model.evaluation.evaluation_run import chosen
from model.evaluation.predict import report_of
from model.evaluation.speed import forward_speeds
from model.networks import architectures
from model.pipeline import fingerprints
from model.pipeline.stages import evaluation_split, prepared
from model.pipeline.stages import plain as as_json
from model.pipeline.step import Made, Step
from model.serving.classifier import Classifier
from model.training.checkpoints import INDEX, beside
from model.training.job import TrainingJob, placed, taught
from model.training.run import Watch, train
from schemas.errors import TagstreamError


@dataclass(frozen=True, slots=True)
class Compared:
    """All rows, in the order in which the backbones were named."""

    rows: tuple[BackboneRow, ...]
    split: str
    labels: tuple[str, ...]
    trained_on: int
    judged_on: int
    epochs: int
    data: str
    """Digest of the dataset."""

    @property
    def failed(self) -> tuple[BackboneRow, ...]:
        """Those without figures."""
        return tuple(row for row in self.rows if row.figures is None)


def compare(job: ComparisonJob, *, watch: Watch) -> Compared:
    """Raises `ConfigurationError` for data that none could learn from, or be judged by."""
    data = dataset.read(job.training.photographs, negatives=job.training.negatives)
    dataset.refuse_untrainable(data)
    labels = taught(job.training, data=data)
    photographs = chosen(data, job.split or evaluation_split(data))
    comparing = Comparing(job, data, labels, photographs, watch)
    rows = comparing.measured([comparing.row(name) for name in job.names])
    return Compared(
        rows,
        split=photographs[0].split.value,
        labels=labels,
        trained_on=len(data.of(Split.TRAIN)),
        judged_on=sum(bool(photo.labels) for photo in photographs),
        epochs=job.training.recipe.epochs,
        data=data.digest,
    )


@dataclass(frozen=True, slots=True)
class Comparing:
    """What is settled before the first backbone."""

    job: ComparisonJob
    data: Dataset
    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    watch: Watch

    def row(self, name: str) -> BackboneRow:
        """The backbone trained and judged, now or before; or why it could not be."""
        weights = said(self.job.weights.of(name))
        try:
            step = self._step(name)
            before = step.done()
            self.watch.say(f"{name}, {weights}{': finished before' if before else ''}")
            figures = BackboneFigures.model_validate((before or step.run()).about)
        except (TagstreamError, RuntimeError, ValueError, ArithmeticError) as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            self.watch.say(f"{name}: {why[0]}")
            return BackboneRow(name, weights, error=why[0])
        return BackboneRow(name, weights, figures, trained_now=before is None)

    def measured(self, rows: Sequence[BackboneRow]) -> tuple[BackboneRow, ...]:
        """The rows with their speed, all measured in one run."""
        versions = {row.backbone: self._step(row.backbone).product() for row in rows if row.figures}
        if not versions:
            return tuple(rows)
        device, threads = self.job.training.device, self.job.training.threads
        classifiers = [Classifier.load(each, device=device, threads=threads) for each in versions.values()]
        found = forward_speeds(classifiers, self.photographs, tick=self.watch.tick)
        by_name = dict(zip(versions, found, strict=True))
        return tuple(replace(row, pace=by_name.get(row.backbone)) for row in rows)

    def _step(self, name: str) -> Step:
        training = self.job.training_of(name)
        parameters: dict[str, JsonValue] = {
            "recipe": as_json(asdict(training.recipe)),
            "weights": fingerprints.weights(training.weights),
            "data": [self.data.digest, fingerprints.seen(str(training.photographs))],
            "negatives": fingerprints.seen(str(training.negatives)) if training.negatives else "",
            "positive": training.positive,
            "judged by": self.photographs[0].split.value,
        }
        return Step(plain(name), self.job.root, parameters, partial(self._made, training))

    def _made(self, training: TrainingJob, folder: Path) -> Made:
        job, _ = placed(replace(training, output=folder / training.output.name))
        if job.output.exists():  # of a try that ended before the marker: nobody knows how long it took
            shutil.rmtree(job.output)
        if job.cache is not None:  # decoded before the clock starts: it would be the first one's to pay
            prepared(self.data, job=job, cache=job.cache, watch=self.watch)
        resumed = (beside(job.output) / INDEX).is_file()
        began, used = time.monotonic(), time.process_time()
        outcome = train(job, watch=self.watch)
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - used
        classifier = Classifier.load(job.output, device=job.device, threads=job.threads)
        report = report_of(classifier, self.photographs, tick=self.watch.tick)
        figures = BackboneFigures(
            weights=said(job.weights),
            size=job.recipe.size,
            parameters=parameters(job, len(self.labels)),
            bytes=(job.output / checkpoint.WEIGHTS).stat().st_size,
            top_accuracy=IntervalValue.model_validate(report.top_accuracy.as_json()),
            f1_samples=IntervalValue.model_validate(report.f1_samples.as_json()),
            mean_average_precision=IntervalValue.model_validate(report.mean_average_precision.as_json()),
            epochs=sum(trial.name.startswith("epoch") for trial in outcome.trained.trials),
            train_seconds=round(seconds, 2),
            train_cpu_seconds=round(cpu_seconds, 2),
            resumed=resumed,
        )
        return Made(outcome.manifest.sha256, (job.output,), about=figures.model_dump(mode="json"))


def parameters(job: TrainingJob, labels: int) -> int:
    """How many numbers of the network are learned, its head included."""
    built = architectures.build(job.recipe.architecture, labels, job.recipe.size)
    return sum(parameter.numel() for parameter in built.parameters())


def said(weights: Weights) -> str:
    """Where weights come from, for people."""
    if weights is None:
        return SCRATCH
    return "public (hub)" if weights == "hub" else f"file {Path(weights).name}"
