"""How fast a version is on this device, by the classifier that serves.

Measured after the figures, when everything is warm, and then warmed once more with the very batches. The
forward pass takes decoded pixels and ends with probabilities in memory; decoding is measured by itself, in
one thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from pydantic import JsonValue

from model.data.photograph import Photograph
from model.preprocess import Pixels
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, Rejected

BATCH: Final = 32
SECONDS: Final = 1.0
"""Of measuring, at each batch size."""
LEAST: Final = 3
"""Rounds, however slow the device is."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of the rounds that were measured."""

    device: str
    threads: int
    """Of torch, on the CPU."""
    batch: int
    images_per_second: float
    """In batches of `batch`."""
    cpu_ms: float
    """Of the processor, all threads together, for an image of such a batch."""
    latency_ms: float
    """Of one image alone."""
    latency_95_ms: float
    decode_ms: float
    """From a file's bytes to pixels."""

    def as_json(self) -> dict[str, JsonValue]:
        """Rounded to what such a measurement can say."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "images_per_second": round(self.images_per_second, 1),
            "cpu_ms": round(self.cpu_ms, 2),
            "latency_ms": round(self.latency_ms, 2),
            "latency_95_ms": round(self.latency_95_ms, 2),
            "decode_ms": round(self.decode_ms, 2),
        }


@dataclass(frozen=True, slots=True)
class Round:
    """One call, in seconds of the wall and of the processor."""

    wall: float
    cpu: float


def measure(
    classifier: Classifier, photographs: Sequence[Photograph], *, batch: int = BATCH, seconds: float = SECONDS
) -> Speed:
    """The speed of `classifier` on the first `batch` photographs that can be read.

    Raises `ConfigurationError` where none can.
    """
    pixels, decoding = decoded(classifier, photographs, batch=batch)
    full = rounds(lambda: classifier.forward(pixels), seconds=seconds)
    alone = rounds(lambda: classifier.forward(pixels[:1]), seconds=seconds)
    latencies = sorted(each.wall for each in alone)
    return Speed(
        device=classifier.device,
        threads=torch.get_num_threads(),
        batch=len(pixels),
        images_per_second=len(pixels) / statistics.median(each.wall for each in full),
        cpu_ms=1000 * statistics.median(each.cpu for each in full) / len(pixels),
        latency_ms=1000 * statistics.median(latencies),
        latency_95_ms=1000 * latencies[int(0.95 * (len(latencies) - 1))],
        decode_ms=1000 * statistics.median(decoding),
    )


def decoded(
    classifier: Classifier, photographs: Sequence[Photograph], *, batch: int
) -> tuple[list[Pixels], list[float]]:
    """The pixels of a batch, filled by repeating where there are fewer, and the seconds of each decoding."""
    pixels, seconds = [], []
    for photo in photographs:
        try:
            data = photo.path.read_bytes()
            began = time.perf_counter()
            pixels.append(classifier.preprocess.decode(data))
        except (Rejected, OSError):
            continue
        seconds.append(time.perf_counter() - began)
        if len(pixels) == batch:
            break
    if not pixels:
        raise ConfigurationError("none of the photographs can be read: no speed can be measured")
    return [pixels[place % len(pixels)] for place in range(batch)], seconds


def rounds(call: Callable[[], object], *, seconds: float) -> list[Round]:
    """`call` again and again for `seconds`, at least `LEAST` times, after one call to warm it."""
    call()
    measured: list[Round] = []
    while len(measured) < LEAST or sum(each.wall for each in measured) < seconds:
        measured.append(timed(call))
    return measured


def timed(call: Callable[[], object]) -> Round:
    """One call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Round(time.perf_counter() - wall, time.process_time() - cpu)
