"""One training from a dataset to a version folder: the order of things, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from model.classifier import Classifier
from model.data import dataset
from model.data.dataset import Dataset, Split
from model.evaluation import calibration
from model.evaluation.judging import judge, judge_pictures
from model.evaluation.report import Report
from model.manifest import Manifest
from model.network import build
from model.preprocess import Preprocess
from model.training import publishing
from model.training.evaluation import logits
from model.training.finetune import FineTuning, Note, Trained, unnoted
from model.training.pictures import Pictures, Tick, load, silent
from model.training.probe import probe
from model.training.publishing import Decision, Provenance
from model.training.recipe import Recipe
from schemas.errors import ConfigurationError

LICENCE: Final = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class Order:
    """What to train, from what, to where."""

    photographs: Path
    output: Path
    weights: Path | None = None
    """A safetensors file of the backbone; without one training starts from nothing."""
    negatives: Path | None = None
    notes: Path | None = None
    recipe: Recipe = field(default_factory=Recipe)
    test: bool = True
    """Whether the split `test` is looked at, which is for the end of a search, once."""
    threads: int | None = None
    """Of torch, on the CPU."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of progress."""

    tick: Tick = silent
    note: Note = unnoted


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training."""

    manifest: Manifest
    trained: Trained
    reports: Mapping[str, Report]
    unreadable: tuple[str, ...]


def train(order: Order, *, watch: Watch | None = None) -> Outcome:
    """Train, choose, calibrate, judge, publish.

    Raises `ConfigurationError`, before any long work where it can be known.
    """
    watch = watch or Watch()
    provenance = _provenance(order)
    _prepare(order)
    data = dataset.read(order.photographs, negatives=order.negatives)
    network = _network(order, labels=len(data.labels))
    train_set, val = _load(data, order=order, tick=watch.tick)
    trained = _tuned(network, recipe=order.recipe, sets=(train_set, val), watch=watch)
    version = publishing.assemble(
        trained.state,
        recipe=order.recipe,
        decision=decide(network, val=val, size=order.recipe.size),
        provenance=replace(provenance, data_digest=data.digest),
    )
    classifier = Classifier(version, device=next(network.parameters()).device)
    reports = {"val": judge_pictures(classifier, val, tick=watch.tick)}
    if order.test and data.of(Split.TEST):
        reports["test"] = judge(classifier, data.of(Split.TEST), tick=watch.tick)
    manifest = publishing.publish(order.output, version, reports=reports, notes=provenance.notes)
    return Outcome(manifest, trained, reports, (*train_set.unreadable, *val.unreadable))


def _prepare(order: Order) -> None:
    torch.manual_seed(order.recipe.seed)
    if order.threads is not None:
        torch.set_num_threads(order.threads)


def _tuned(network: nn.Module, *, recipe: Recipe, sets: tuple[Pictures, Pictures], watch: Watch) -> Trained:
    """Probe the head, then fine-tune everything; `network` holds the chosen weights afterwards."""
    train_set, val = sets
    probe(network, train_set, size=recipe.size)
    tuning = FineTuning(network, recipe=recipe, train=train_set, val=val)
    trained = tuning.run(watch.tick, note=watch.note)
    network.load_state_dict(trained.state)
    return trained


def decide(network: nn.Module, *, val: Pictures, size: int) -> Decision:
    """Temperature and thresholds, from `val`."""
    found = logits(network, val.images, size=size)
    temperature = calibration.temperature(found, val)
    return Decision(temperature, calibration.thresholds(found, val, temperature=temperature))


def _provenance(order: Order) -> Provenance:
    """Name and version from the output folder's name; what cannot be is refused before hours are spent."""
    if order.output.exists():
        raise ConfigurationError(f"{order.output}: a version is there already, and versions do not change")
    name, dash, version = order.output.name.rpartition("-")
    if not (name and dash and version):
        raise ConfigurationError(
            f"{order.output}: the folder's name must be NAME-VERSION, like restaurant-v2"
        )
    if order.notes is not None and not order.notes.is_file():
        raise ConfigurationError(f"{order.notes}: there is no such file")
    notes = order.notes.read_text(encoding="utf-8") if order.notes else ""
    return Provenance(name, version, licence=LICENCE, notes=notes)


def _network(order: Order, *, labels: int) -> nn.Module:
    network = build(order.recipe.architecture, labels).to(memory_format=torch.channels_last)
    if order.weights is not None:
        _start_from(network, file=order.weights)
    return network.to("cuda" if torch.cuda.is_available() else "cpu")


def _start_from(network: nn.Module, *, file: Path) -> None:
    """Load the backbone. Its own head, for other labels, is left out."""
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(file).items()}
        backbone = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
        missing = network.load_state_dict(backbone, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ConfigurationError(f"{file}: not the weights of this network: {str(error)[:200]}") from error
    lacking = [name for name in missing.missing_keys if not name.startswith("classifier.")]
    if lacking or missing.unexpected_keys:
        raise ConfigurationError(
            f"{file}: not the weights of this network: {len(lacking)} tensors are missing"
        )


def _load(data: Dataset, *, order: Order, tick: Tick) -> tuple[Pictures, Pictures]:
    recipe = order.recipe
    stored = Preprocess(size=recipe.cache_size, fit=recipe.fit)
    served = Preprocess(size=recipe.size, fit=recipe.fit)
    return (
        load(data.of(Split.TRAIN), labels=data.labels, preprocess=stored, tick=tick),
        load(data.of(Split.VAL), labels=data.labels, preprocess=served, tick=tick),
    )
