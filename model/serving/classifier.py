"""The resident classifier: loaded once, warmed once, then called from one device thread for ever.

What runs the network is a runtime's affair (`model.runtimes`); the probabilities, the golden pictures and how
large a batch should be are decided here, alike for all of them, and without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from model.checkpoint import Version, read
from model.manifest import Golden, Manifest, Task
from model.preprocess import Pixels, Preprocess
from model.runtimes.choosing import runtime_for
from model.runtimes.port import Logits, ModelRuntime, RuntimeName
from model.serving.borderline import Borderline
from schemas.errors import DeviceBroken
from schemas.tags import ModelRef, Scores

DECIMALS: Final = 6
"""Of a probability: beyond that it is noise, and documents should compare equal."""

TOLERANCE: Final = {"f32": 0.002, "f16": 0.03}
"""How far a golden score may be off, by precision; a broken device gives nonsense or NaN."""

IMAGES_A_THREAD: Final = 4
"""Of a processor, in a batch: with one, a thread that is done waits for the others."""

Probabilities = npt.NDArray[np.float64]


def _sigmoid(logits: Probabilities) -> Probabilities:
    # By the hyperbolic tangent: an exponential of a large logit overflows.
    return 0.5 + 0.5 * np.tanh(0.5 * logits)


def _softmax(logits: Probabilities) -> Probabilities:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares: Probabilities = powers / powers.sum(1, keepdims=True)
    return shares


ACTIVATIONS: Final[Mapping[Task, Callable[[Probabilities], Probabilities]]] = {
    "multi_label": _sigmoid,
    "single_label": _softmax,
    "binary": _sigmoid,
}
"""Probabilities (N, labels) from calibrated logits (N, labels)."""


class Classifier:
    """One version on one device. Everything but `decode` belongs to one thread."""

    def __init__(self, version: Version, runtime: ModelRuntime) -> None:
        self.manifest: Manifest = version.manifest
        self.ref: ModelRef = version.manifest.ref
        self.labels: tuple[str, ...] = version.manifest.labels
        self.preprocess: Preprocess = version.manifest.input.preprocess()
        self.runtime = runtime
        self.computed_by = f"{runtime.library} {runtime.precision} {runtime.device}"
        self._golden = version.golden
        self._borderline = version.borderline

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        runtime: RuntimeName = "auto",
    ) -> Self:
        """The version in `folder` on `device`: auto, cpu, cuda or cuda:N. `threads` are the processor's.

        Raises `ConfigurationError` for a damaged version or a device that is not there.
        """
        return cls.of(read(folder), device=device, threads=threads, runtime=runtime)

    @classmethod
    def of(
        cls,
        version: Version,
        *,
        device: str = "auto",
        threads: int | None = None,
        runtime: RuntimeName = "auto",
    ) -> Self:
        """The same of a version in memory."""
        return cls(version, runtime_for(version, device=device, threads=threads, runtime=runtime))

    def best_batch(self, most: int) -> int:
        """Images of a batch beyond which a larger one gains nothing, at most so many.

        A processor takes them one by one, and batches are small: nobody waits for the end of one for nothing.
        """
        return min(most, IMAGES_A_THREAD * self.runtime.threads) if self.device == "cpu" else most

    @property
    def device(self) -> str:
        """Where it runs, as in `cpu` or `cuda:0`."""
        return self.runtime.device

    def borderline(self) -> Borderline | None:
        """The version's pictures near its thresholds; None where it has none. Raises `ConfigurationError`."""
        if not self._borderline:
            return None
        return Borderline.decoded(self._borderline, manifest=self.manifest)

    def forward(self, images: Sequence[Pixels]) -> list[Scores]:
        """One `Scores` an image, in order. Blocks; device thread only.

        Out of memory (`ModelRuntime.is_out_of_memory`) and errors of the device leave as they are; NaN is
        an error.
        """
        if not images:
            return []
        logits = self.runtime.logits(images)
        return [self._scores(row) for row in self._probabilities(logits).tolist()]

    def warm(self, max_batch: int) -> None:
        """Run all that is made once for a size: on a GPU batches of 1, 2, 4, ... `max_batch`."""
        size = self.preprocess.size
        grey = np.full((3, size, size), 127, dtype=np.uint8)
        largest = self.best_batch(max_batch)
        for count in [largest] if self.device == "cpu" else _batch_sizes(largest):
            self.runtime.logits([grey] * count)

    def check_golden(self) -> None:
        """Pass if pictures of known scores still score so, else raise `DeviceBroken`. Device thread only."""
        for golden in self.manifest.golden:
            found = self._golden_scores(golden)
            off = max(abs(found[label] - known) for label, known in golden.scores.items())
            if off > TOLERANCE[self.runtime.precision]:
                raise DeviceBroken(
                    f"{golden.file} scores {dict(found)} on {self.device}, not {dict(golden.scores)}"
                )

    def score_picture(self, png: bytes) -> Mapping[str, float]:
        """The probabilities of one picture in a file."""
        return self.forward([self.preprocess.decode(png)])[0].probabilities

    def _golden_scores(self, golden: Golden) -> Mapping[str, float]:
        try:
            return self.score_picture(self._golden[golden.file])
        except Exception as error:
            if self.runtime.is_out_of_memory(error):
                raise
            raise DeviceBroken(f"{golden.file} cannot be scored on {self.device}: {error}") from error

    def _probabilities(self, logits: Logits) -> Probabilities:
        calibrated = logits.astype(np.float64) / self.manifest.temperature
        found = ACTIVATIONS[self.manifest.task](calibrated)
        if not np.isfinite(found).all():
            raise FloatingPointError(f"{self.manifest.architecture} gives NaN on {self.device}")
        return found

    def _scores(self, row: Sequence[float]) -> Scores:
        rounded = {label: round(p, DECIMALS) for label, p in zip(self.labels, row, strict=True)}
        return Scores(probabilities=rounded, model=self.ref, computed_by=self.computed_by)


def _batch_sizes(largest: int) -> list[int]:
    powers = [1 << bit for bit in range(largest.bit_length())]
    return sorted({*(size for size in powers if size < largest), largest})
