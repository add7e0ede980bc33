"""Training run: from a dataset to a version folder, the order of things and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from glob import escape
from importlib.metadata import version

import torch
from torch import nn

from model.atomic_folders import kept_room
from model.checkpoint import Version
from model.data import dataset, early_checks
from model.data.dataset import Dataset, Split
from model.evaluation import calibration
from model.evaluation.calibration import DecisionRule
from model.evaluation.predict import predict
from model.evaluation.recording import SplitFigures
from model.evaluation.report import Report
from model.manifest import Manifest
from model.networks import backbones
from model.preprocess import Preprocess
from model.serving.classifier import Classifier
from model.training import version_assembly
from model.training.checkpoints import Checkpoints, TrainingSettings, beside
from model.training.decoded import DecodingJob
from model.training.finetune import FineTuning, RunOptions, Trained
from model.training.job import TrainingJob, placed, provenance, taught
from model.training.pictures import Pictures, load
from model.training.probe import probe
from model.training.recipe import Recipe
from model.training.sampling import Draws, draws
from model.training.scalars import recorded, summary_writer
from model.training.watch import Watch
from schemas.errors import ConfigurationError

__all__ = ["TrainingJob", "TrainingResult", "Watch", "train"]

Sets = tuple[Pictures, Pictures]
"""To learn from, and to choose by."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished training."""

    manifest: Manifest
    trained: Trained
    reports: Mapping[str, Report]
    unreadable: tuple[str, ...]
    draws: Mapping[str, Draws]
    """How imbalance was met: how many photographs a label has, and how often they were drawn."""


def train(job: TrainingJob, *, watch: Watch | None = None) -> TrainingResult:
    """Train, choose, calibrate, judge, publish; from where an earlier run of the same order was killed.

    Raises `ConfigurationError`, before any long work where it can be known.
    """
    watch = watch or Watch()
    job, device = placed(job)
    provenance(job)
    if job.tensorboard is not None:
        summary_writer()
    torch.manual_seed(job.recipe.seed)
    torch.backends.cudnn.deterministic = device.type == "cuda"
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    data = dataset.read(job.photographs, negatives=job.negatives)
    dataset.refuse_untrainable(data)
    for remark in early_checks.remarks(data):
        watch.say(f"mind: {remark}")
    labels = taught(job, data=data)
    settings = of_job(job, device=device)
    with Checkpoints(beside(job.output), settings=settings, fresh=job.fresh) as checkpoints:
        outcome = TrainingRun(job, data, labels=labels, checkpoints=checkpoints, watch=watch).outcome(device)
        checkpoints.forget()
    return outcome


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """All that is settled before the first picture is decoded."""

    job: TrainingJob
    data: Dataset
    labels: tuple[str, ...]
    checkpoints: Checkpoints
    watch: Watch

    @property
    def recipe(self) -> Recipe:
        """The numbers."""
        return self.job.recipe

    def outcome(self, device: torch.device) -> TrainingResult:
        """Everything, up to the version on the disk."""
        network = self._network().to(device)
        self.checkpoints.agree(of_weights(network))
        train_set, val = sets = self._sets()
        self.checkpoints.agree(of_data(self.data, train=train_set, val=val))
        drawn = draws(train_set, recipe=self.recipe)
        self.watch.say(f"of what is drawn: {', '.join(f'{name} {each}' for name, each in drawn.items())}")
        with _enough_memory(self.recipe):
            trained = self._tuned(network, sets)
        version = self._version(network, trained, val=val)
        findings = self._evaluated(version, device=device)
        manifest = self._written(version, findings=findings)
        reports = {split: found.report for split, found in findings.items()}
        return TrainingResult(
            manifest, trained, reports, (*train_set.unreadable, *val.unreadable), draws=drawn
        )

    def _sets(self) -> Sets:
        stored = Preprocess(size=self.recipe.cache_size, fit=self.recipe.fit)
        served = Preprocess(size=self.recipe.size, fit=self.recipe.fit)
        return self._load(Split.TRAIN, stored), self._load(Split.VAL, served)

    def _load(self, split: Split, preprocess: Preprocess) -> Pictures:
        decoding = DecodingJob(preprocess, cache=self.job.cache, threads=self.job.loaders)
        photographs = self.data.of(split)
        return load(photographs, labels=self.labels, preprocess=decoding, tick=self.watch.tick)

    def _network(self) -> nn.Module:
        """It starts from the weights that were ordered, channels last."""
        network = backbones.create(
            self.recipe.architecture, len(self.labels), self.job.weights, size=self.recipe.size
        )
        return network.to(memory_format=torch.channels_last)

    def _tuned(self, network: nn.Module, sets: Sets) -> Trained:
        """Probe the head, then fine-tune everything; or go on with that."""
        train_set, val = sets
        saved = self.checkpoints.last()
        if saved is None:
            probe(network, train_set, recipe=self.recipe, tick=self.watch.tick)
        tuning = FineTuning(network, recipe=self.recipe, train=train_set, val=val)
        if saved is not None:
            tuning.train_state.resume(saved)
            self.watch.say(f"goes on from step {saved.step} of {tuning.total} ({self.checkpoints.folder})")
        since = tuning.train_state.step
        pace = RunOptions(self.job.loaders, self.checkpoints, every=self.job.checkpoint_steps)
        with recorded(self.job.tensorboard, watch=self.watch, since=since) as watch:
            return tuning.run(watch, pace=pace)

    def _version(self, network: nn.Module, trained: Trained, *, val: Pictures) -> Version:
        network.load_state_dict(trained.state)
        return version_assembly.assemble(
            trained.state,
            recipe=self.recipe,
            decision=decide(network, val=val, recipe=self.recipe),
            provenance=replace(provenance(self.job), data_digest=self.data.digest),
            tick=self.watch.tick,
        )

    def _evaluated(self, version: Version, *, device: torch.device) -> Mapping[str, SplitFigures]:
        classifier = Classifier.of(version, device=str(device))
        splits = [Split.VAL, *([Split.TEST] if self.job.test and self.data.of(Split.TEST) else [])]
        return {split.value: self._found(classifier, split) for split in splits}

    def _found(self, classifier: Classifier, split: Split) -> SplitFigures:
        return SplitFigures.of(predict(classifier, self.data.of(split), tick=self.watch.tick))

    def _written(self, version: Version, *, findings: Mapping[str, SplitFigures]) -> Manifest:
        notes = provenance(self.job).notes
        then = "; make room and give the same command: the training itself is done"
        self._sweep()
        with kept_room(self.job.output, what="the version", then=then):
            return version_assembly.publish(self.job.output, version, findings=findings, notes=notes)

    def _sweep(self) -> None:
        """Remove what a run that was killed while it wrote the version left beside it; the lock is ours."""
        output = self.job.output
        for half in output.parent.glob(f".{escape(output.name)}.*"):
            if half != self.checkpoints.folder:
                shutil.rmtree(half, ignore_errors=True)


def decide(network: nn.Module, *, val: Pictures, recipe: Recipe) -> DecisionRule:
    """Temperature and thresholds, from `val`."""
    return calibration.decide(recipe.inputs.logits(network, val.images), val, task=recipe.task)


@contextmanager
def _enough_memory(recipe: Recipe) -> Iterator[None]:
    """A device whose memory ends is a batch too large: it is said so, with `ConfigurationError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ConfigurationError(
            f"the memory of the device does not hold a batch of {recipe.batch_size} pictures of "
            f"{recipe.train_size} x {recipe.train_size} through {recipe.architecture}: give a lower "
            "--batch-size, or a lower --size, and --fresh"
        ) from error


def of_job(job: TrainingJob, *, device: torch.device) -> TrainingSettings:
    """The recipe, and what else moves the last bits of the weights: libraries, device, threads."""
    return {
        **asdict(job.recipe),
        "positive": job.positive,
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "device": device.type,
        "threads": torch.get_num_threads(),
    }


def of_data(data: Dataset, *, train: Pictures, val: Pictures) -> TrainingSettings:
    """The photographs, by their pixels, and their labels."""
    return {
        "data": data.digest,
        "pictures to learn from": _short(train.digest, _tags(train)),
        "pictures to choose by": _short(val.digest, _tags(val)),
    }


def of_weights(network: nn.Module) -> TrainingSettings:
    """The weights that training starts from, before the probe."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return {"weights": digest.hexdigest()[:12]}


def _tags(pictures: Pictures) -> str:
    return "\n".join(
        f"{photo.path.name}|{photo.labels}|{photo.maybe}|{photo.source}" for photo in pictures.photographs
    )


def _short(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
