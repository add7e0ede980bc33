"""The resident classifier: loaded once, warmed once, then called from one device thread for ever.

CUDA: bf16 autocast, channels last, one pinned staging buffer, copies that do not block. CPU: the same code
in fp32, its batch norms folded into the convolutions (which also suits CUDA). Images travel as bytes and
are normalised on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from torch import Tensor, nn

from model import devices
from model.checkpoint import Version, read, sha256
from model.loading import load
from model.manifest import Golden, Manifest, Task
from model.networks.architectures import build
from model.preprocess import Pixels, Preprocess
from model.serving.batchnorm_folding import fold
from schemas.errors import ConfigurationError, DeviceBroken
from schemas.tags import ModelRef, Scores

DECIMALS: Final = 6
"""Of a probability: beyond that it is noise, and documents should compare equal."""

TOLERANCE: Final = 0.05
"""How far a golden score may be off. bf16 moves one by up to 0.02; a broken device gives nonsense or NaN."""

ACTIVATIONS: Final[Mapping[Task, Callable[[Tensor], Tensor]]] = {
    "multi_label": torch.sigmoid,
    "single_label": partial(torch.softmax, dim=1),
    "binary": torch.sigmoid,
}
"""Probabilities (N, labels) from calibrated logits (N, labels)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that the batch was too large for the device's memory."""
    return isinstance(error, torch.OutOfMemoryError)


class Classifier:
    """One version on one device. Everything but `decode` belongs to one thread."""

    def __init__(self, version: Version, *, device: torch.device) -> None:
        self.manifest: Manifest = version.manifest
        self.ref: ModelRef = version.manifest.ref
        self.labels: tuple[str, ...] = version.manifest.labels
        self.preprocess: Preprocess = version.manifest.input.preprocess()
        self._golden = version.golden
        self._device = device
        self._network = _resident(version, device=device)
        self._scale, self._shift = _normalisation(version.manifest, device=device)
        self._staging = torch.empty(0, dtype=torch.uint8)

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto", threads: int | None = None) -> Self:
        """The version in `folder` on `device`: auto, cpu, cuda or cuda:N. `threads` are torch's, on the CPU.

        Raises `ConfigurationError` for a damaged version or a device that is not there.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        return cls(read(folder), device=devices.device(device))

    @property
    def device(self) -> str:
        """Where it runs, as torch names it."""
        return str(self._device)

    def forward(self, images: Sequence[Pixels]) -> list[Scores]:
        """One `Scores` an image, in order. Blocks; device thread only.

        Out of memory (see `is_out_of_memory`) and the device's own errors leave as they are; NaN is an error.
        """
        if not images:
            return []
        return [self._scores(row) for row in self._probabilities(images)]

    def warm(self, max_batch: int) -> None:
        """Run the batch sizes 1, 2, 4, ... `max_batch`: no image pays for what is made once."""
        size = self.preprocess.size
        grey = np.full((3, size, size), 127, dtype=np.uint8)
        for count in _batch_sizes(max_batch):
            self.forward([grey] * count)

    def check_golden(self) -> None:
        """Pass if pictures of known scores still score so, else raise `DeviceBroken`. Device thread only."""
        for golden in self.manifest.golden:
            found = self._golden_scores(golden)
            off = max(abs(found[label] - known) for label, known in golden.scores.items())
            if off > TOLERANCE:
                raise DeviceBroken(
                    f"{golden.file} scores {dict(found)} on {self._device}, not {dict(golden.scores)}"
                )

    def _golden_scores(self, golden: Golden) -> Mapping[str, float]:
        try:
            return _one(self, self._golden[golden.file])
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise DeviceBroken(f"{golden.file} cannot be scored on {self._device}: {error}") from error

    @torch.inference_mode()
    def _probabilities(self, images: Sequence[Pixels]) -> list[list[float]]:
        inputs = self._on_device(images)
        with self._precision():
            logits = self._network((inputs * self._scale).add_(self._shift))
        calibrated = logits.float() / self.manifest.temperature
        rows = ACTIVATIONS[self.manifest.task](calibrated).double().cpu()
        if not rows.isfinite().all():
            raise FloatingPointError(f"{self.manifest.architecture} gives NaN on {self._device}")
        return rows.tolist()

    def _on_device(self, images: Sequence[Pixels]) -> Tensor:
        """uint8 (N, 3, S, S), channels last, by way of the staging buffer."""
        staged = self._stage(len(images))
        for place, pixels in zip(staged.numpy(), images, strict=True):
            place[...] = pixels
        return staged.to(self._device, non_blocking=True, memory_format=torch.channels_last)

    def _stage(self, count: int) -> Tensor:
        # Reusing it is safe: the scores are read back before the next batch, so its copy is over.
        if count > len(self._staging):
            shape = (count, 3, self.preprocess.size, self.preprocess.size)
            self._staging = torch.empty(shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        return self._staging[:count]

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda")

    def _scores(self, row: Sequence[float]) -> Scores:
        rounded = {label: round(p, DECIMALS) for label, p in zip(self.labels, row, strict=True)}
        return Scores(probabilities=rounded, model=self.ref)


def with_golden(version: Version) -> Version:
    """`version` with its golden pictures scored by itself, in fp32, in its manifest."""
    classifier = Classifier(version, device=torch.device("cpu"))
    scored = tuple(
        Golden(file=name, sha256=sha256(png), scores=_one(classifier, png))
        for name, png in version.golden.items()
    )
    return replace(version, manifest=version.manifest.model_copy(update={"golden": scored}))


def _one(classifier: Classifier, png: bytes) -> Mapping[str, float]:
    return classifier.forward([classifier.preprocess.decode(png)])[0].probabilities


def _resident(version: Version, *, device: torch.device) -> nn.Module:
    manifest = version.manifest
    network = build(manifest.architecture, len(manifest.labels), manifest.input.size).eval()
    weights = {name: torch.from_numpy(array) for name, array in version.weights.items()}
    source = f"the weights are not of {manifest.architecture}"
    if mismatch := load(network, weights, source=source):
        raise ConfigurationError(f"{source}: {mismatch}")
    folded = fold(network).requires_grad_(requires_grad=False)
    return folded.to(device).to(memory_format=torch.channels_last)


def _normalisation(manifest: Manifest, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scale and shift (1, 3, 1, 1) that make bytes the network's inputs."""
    mean = torch.tensor(manifest.input.mean).view(1, 3, 1, 1)
    std = torch.tensor(manifest.input.std).view(1, 3, 1, 1)
    return (1 / (255 * std)).to(device), (-mean / std).to(device)


def _batch_sizes(largest: int) -> list[int]:
    powers = [1 << bit for bit in range(largest.bit_length())]
    return sorted({*(size for size in powers if size < largest), largest})
