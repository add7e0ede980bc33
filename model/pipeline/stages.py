"""Pipeline stages from a snapshot to a validated version: decode, train, validate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from model import checkpoint
from model.atomic_folders import kept_room, write
from model.data import dataset
from model.data.dataset import Dataset, Split
from model.evaluation import evaluation_run as evaluation
from model.evaluation import recording
from model.evaluation.pages import evaluation_page as page
from model.evaluation.report import Report
from model.pipeline import fingerprints
from model.pipeline.step import Made, Step, digest
from model.preprocess import Preprocess
from model.training import decoded
from model.training.decoded import DecodingJob
from model.training.job import TrainingJob, taught
from model.training.run import Watch, train

REPORT: Final = "report.json"
PAGE: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Stages:
    """How versions are made here. `job` says all but where from and where to: that is the pipeline's."""

    root: Path
    job: TrainingJob
    watch: Watch

    def validated(self, gather: Step) -> Step:
        """The last of three steps; `gather`'s product is a snapshot."""
        train_step = self._train(self._preprocess(gather), gather)
        return Step(
            "validate",
            self.root,
            {},
            partial(self._validated, gather, train_step),
            needs=(train_step,),
            summary="test, else val",
        )

    def _preprocess(self, gather: Step) -> Step:
        recipe = self.job.recipe
        sides = (recipe.cache_size, recipe.size)
        return Step(
            "preprocess",
            self.root,
            {"sides": list(sides), "fit": recipe.fit.value},
            partial(self._decoded, gather),
            needs=(gather,),
            summary=f"{sides[0]} and {sides[1]} pixels a side",
        )

    def _train(self, preprocess: Step, gather: Step) -> Step:
        recipe, job = self.job.recipe, self.job
        return Step(
            "train",
            self.root,
            {
                "version": job.output.name,
                "recipe": plain(asdict(recipe)),
                "weights": fingerprints.weights(job.weights),
                "positive": job.positive,
                "notes": fingerprints.seen(str(job.notes)) if job.notes else "",
                **({"licence": job.licence} if job.licence else {}),
            },
            partial(self._trained, gather, preprocess),
            needs=(preprocess,),
            summary=f"{recipe.architecture}, {recipe.epochs} epochs, {recipe.size} pixels",
        )

    def _decoded(self, gather: Step, folder: Path) -> Made:
        data = dataset.read(gather.product())
        dataset.refuse_untrainable(data)
        taught(replace(self.job, photographs=gather.product()), data=data)
        found = prepared(data, job=self.job, cache=folder, watch=self.watch)
        return Made(
            digest([data.digest, *(each.digest for each in found)]),
            tuple(each.folder for each in found),
            about={"unreadable": [line for each in found for line in each.unreadable]},
        )

    def _trained(self, gather: Step, preprocess: Step, folder: Path) -> Made:
        version = folder / self.job.output.name
        job = replace(
            self.job, photographs=gather.product(), output=version, cache=preprocess.folder, test=False
        )
        if not version.exists():  # else killed after the version was written, and before the marker was
            train(job, watch=self.watch)
        figures = checkpoint.read_manifest(version).metrics[Split.VAL.value]
        top = figures.get("top_accuracy") if isinstance(figures, dict) else None
        return Made(_manifest_digest(version), (version,), about={"val_top_accuracy": top})

    def _validated(self, gather: Step, trained: Step, folder: Path) -> Made:
        """The version's copy carries the report: what training made stays as it was made."""
        data = dataset.read(gather.product())
        split = evaluation_split(data)
        job = evaluation.EvaluationJob(
            trained.product(), data, split=split, device=self.job.device, threads=self.job.threads
        )
        outcome = evaluation.evaluate(job, tick=self.watch.tick)
        version = folder / self.job.output.name
        with kept_room(folder, what="the judged version"):
            shutil.rmtree(version, ignore_errors=True)  # of a try that was broken off
            shutil.copytree(trained.product(), version)
            write(folder / REPORT, json.dumps(outcome.as_json()).encode())
            write(folder / PAGE, page.render(outcome).encode())
        if split not in outcome.manifest.metrics:
            names = recording.data_digest(outcome.predictions.photographs)
            # Without the speed, which is another each time: judged again it is the same version.
            recording.record(version, split, report=replace(outcome.report, speed=None), data=names)
        products = (version, folder / REPORT, folder / PAGE)
        return Made(_manifest_digest(version), products, about={"split": split, **_short(outcome.report)})


@dataclass(frozen=True, slots=True)
class Prepared:
    """Decoded pictures of one split, in the cache."""

    folder: Path
    digest: str
    unreadable: tuple[str, ...]


def prepared(data: Dataset, *, job: TrainingJob, cache: Path, watch: Watch) -> tuple[Prepared, ...]:
    """All that training wants of `data`, decoded into `cache` as training decodes it."""
    recipe = job.recipe
    wanted = ((Split.TRAIN, recipe.cache_size), (Split.VAL, recipe.size))
    found = []
    for split, side in wanted:
        decoding = DecodingJob(Preprocess(size=side, fit=recipe.fit), cache=cache, threads=job.loaders)
        pictures = decoding.run(data.of(split), tick=watch.tick)
        entry = cache / decoded.key(data.of(split), preprocess=decoding.preprocess)
        found.append(Prepared(entry, pictures.digest, pictures.unreadable))
    return tuple(found)


def evaluation_split(data: Dataset) -> str:
    """The split `test` where it has labelled photographs, else `val`."""
    return (Split.TEST if any(photo.labels for photo in data.of(Split.TEST)) else Split.VAL).value


def plain(document: Mapping[str, object]) -> dict[str, JsonValue]:
    """As JSON has it: tuples are lists, enums their values."""
    found: dict[str, JsonValue] = json.loads(json.dumps(document))
    return found


def _short(report: Report) -> dict[str, JsonValue]:
    return {
        "photographs": report.photographs,
        "top_accuracy": report.top_accuracy.as_json(),
        "f1_samples": report.f1_samples.as_json(),
    }


def _manifest_digest(version: Path) -> str:
    """It has the digests of the weights and of the golden images in it."""
    return checkpoint.sha256((version / checkpoint.MANIFEST).read_bytes())
