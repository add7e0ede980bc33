"""Training job: what to train, from what, to where; validated before hours are spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from model import checkpoint, devices
from model.data.dataset import Dataset, Split
from model.training.recipe import Recipe
from model.training.version_assembly import Provenance
from model.training.weights_origin import began_with
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train, from what, to where."""

    photographs: Path
    output: Path
    """The version's folder, NAME-VERSION, which is not there yet."""
    weights: Literal["hub"] | Path | None = None
    """Of the backbone: public ones, a file, a version's folder; without any training starts from nothing."""
    negatives: Path | None = None
    notes: Path | None = None
    licence: str = ""
    """Of the version, as its owner states it; none where nothing is said."""
    recipe: Recipe = field(default_factory=Recipe)
    positive: str = ""
    """The label that a binary task asks for."""
    test: bool = True
    """Whether the split `test` is looked at, which is for the end of a search, once."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    threads: int | None = None
    """Of torch, on the CPU."""
    loaders: int = 2
    """Threads that decode and that make batches ahead."""
    cache: Path | None = None
    """A folder for decoded pictures; without one they are kept in memory."""
    tensorboard: Path | None = None
    """A folder for TensorBoard's scalars."""
    checkpoint_steps: int = 100
    """From one checkpoint to the next; the end of an epoch is one too."""
    fresh: bool = False
    """Start anew where there is a checkpoint, instead of going on from it."""


def provenance(job: TrainingJob) -> Provenance:
    """Name and version from the output folder's name. Raises `ConfigurationError` for what cannot be."""
    name, version = checkpoint.name_and_version(job.output)
    if job.notes is not None and not job.notes.is_file():
        raise ConfigurationError(f"{job.notes}: there is no such file")
    notes = job.notes.read_text(encoding="utf-8") if job.notes else ""
    began = began_with(job.weights, architecture=job.recipe.architecture)
    return Provenance(name, version, licence=job.licence.strip(), began_with=began, notes=notes)


def taught(job: TrainingJob, *, data: Dataset) -> tuple[str, ...]:
    """The labels of the network's outputs. Raises `ConfigurationError` where task and data do not agree."""
    for split in (Split.TRAIN, Split.VAL):
        if not any(photo.labels for photo in data.of(split)):
            raise ConfigurationError(
                f"{job.photographs}: no labelled photographs in the split {split.value!r}"
            )
    if job.recipe.task != "binary":
        if job.positive:
            raise ConfigurationError(f"--positive goes with --task binary, not with {job.recipe.task}")
        return data.labels
    if job.positive not in data.labels:
        named = f"{job.positive!r} is none of the labels" if job.positive else "--task binary wants one"
        raise ConfigurationError(f"--positive: {named}; the labels are {', '.join(data.labels)}")
    return (job.positive,)


def placed(job: TrainingJob) -> tuple[TrainingJob, torch.device]:
    """`job` with its precision decided, and the device. Raises `ConfigurationError` for one not there."""
    device = devices.device(job.device, asked_by="--device:")
    precision = job.recipe.precision
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return replace(job, recipe=replace(job.recipe, precision=precision)), device
