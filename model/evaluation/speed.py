"""Benchmarks: how fast a version is on this device, alone or in turns with others, as it is served.

Measured when everything is warm, and warmed once more with the very batches. The forward pass takes decoded
pixels and ends with probabilities in memory; decoding is measured by itself, in one thread. Versions that are
compared are measured in turns, and who begins changes from round to round: what else the machine does falls
on all alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np
from pydantic import JsonValue

from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.preprocess import Pixels
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, Rejected

BATCH: Final = 32
SECONDS: Final = 1.0
"""Of measuring, at each batch size."""
LEAST: Final = 3
"""Rounds, however slow the device is."""
WALL: Final = "wall"
"""Of all that is not called CPU: what a user waits for, other work of the machine included."""
GATE_BATCHES: Final = (1, 16)
"""Images in a forward: what one image waits for, and what a full worker does."""

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of the rounds that were measured."""

    device: str
    threads: int
    """Of the processor, in a forward."""
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

    def __str__(self) -> str:
        return (
            f"{self.images_per_second:.0f} images/s in batches of {self.batch} ({self.cpu_ms:.1f} ms of "
            f"processor an image), one alone {self.latency_ms:.1f} ms, decoding {self.decode_ms:.1f} ms; "
            f"on {_machine(self.device, self.threads)}, by the wall clock, medians of what is warm"
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Rounded to what such a measurement can say."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "clock": WALL,
            "images_per_second": round(self.images_per_second, 1),
            "cpu_ms": round(self.cpu_ms, 2),
            "latency_ms": round(self.latency_ms, 2),
            "latency_95_ms": round(self.latency_95_ms, 2),
            "decode_ms": round(self.decode_ms, 2),
        }


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Images a second in batches, round by round, A's beside B's."""

    device: str
    threads: int
    batch: int
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __str__(self) -> str:
        a, b = self.medians
        return (
            f"A {a:.0f}, B {b:.0f} images/s in batches of {self.batch}; B/A {self.ratio:.2f} "
            f"({min(self.ratios):.2f} to {max(self.ratios):.2f}); on {_machine(self.device, self.threads)}, "
            f"by the wall clock, in turns, {len(self.a)} rounds"
        )

    @property
    def medians(self) -> tuple[float, float]:
        """A's and B's."""
        return statistics.median(self.a), statistics.median(self.b)

    @property
    def ratios(self) -> tuple[float, ...]:
        """B to A, in each round."""
        return tuple(b / a for a, b in zip(self.a, self.b, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds'; above 1 B is faster."""
        return statistics.median(self.ratios)

    def as_json(self) -> dict[str, JsonValue]:
        """Medians, ratio, and the lowest and the highest of the rounds."""
        a, b = self.medians
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "clock": WALL,
            "rounds": len(self.a),
            "a": round(a, 1),
            "b": round(b, 1),
            "ratio": round(self.ratio, 3),
            "range": [round(min(self.ratios), 3), round(max(self.ratios), 3)],
        }


@dataclass(frozen=True, slots=True)
class ForwardSpeed:
    """Of one of several networks, in its quickest round."""

    device: str
    threads: int
    """Of the processor, in a forward."""
    batch: int
    images_per_second: float
    """In batches of `batch`."""
    latency_ms: float
    """Of one image alone."""
    throughput_ratio: float
    """Its images a second to the first network's."""
    latency_ratio: float
    """Its milliseconds to the first network's."""

    def as_json(self) -> dict[str, JsonValue]:
        """Rounded to what such a measurement can say."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "clock": WALL,
            "images_per_second": round(self.images_per_second, 1),
            "latency_ms": round(self.latency_ms, 2),
            "throughput_ratio": round(self.throughput_ratio, 3),
            "latency_ratio": round(self.latency_ratio, 3),
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
        threads=classifier.runtime.threads,
        batch=len(pixels),
        images_per_second=len(pixels) / statistics.median(each.wall for each in full),
        cpu_ms=1000 * statistics.median(each.cpu for each in full) / len(pixels),
        latency_ms=1000 * statistics.median(latencies),
        latency_95_ms=1000 * latencies[int(0.95 * (len(latencies) - 1))],
        decode_ms=1000 * statistics.median(decoding),
    )


def benchmark(
    a: Classifier, b: Classifier, photographs: Sequence[Photograph], *, batch: int = BATCH, rounds: int = 7
) -> Benchmark:
    """Both on the same photographs, each with its own input."""
    calls = [partial(timed, _warm(each, photographs, batch=batch)) for each in (a, b)]
    paces = [tuple(batch / each.wall for each in mine) for mine in in_turns(calls, most=rounds)]
    return Benchmark(a.device, a.runtime.threads, batch, *paces)


def forward_speeds(
    classifiers: Sequence[Classifier], photographs: Sequence[Photograph], *, tick: Tick
) -> tuple[ForwardSpeed, ...]:
    """All on the same photographs, each with its own input, its quickest round of those that fit a minute."""
    calls = [
        partial(_batch_and_alone, *(_warm(each, photographs, batch=size) for size in (BATCH, 1)))
        for each in classifiers
    ]
    laps = in_turns(calls, most=11, seconds=60.0, tick=tick)
    best = [tuple(map(min, zip(*mine, strict=True))) for mine in laps]
    return tuple(
        ForwardSpeed(
            device=classifier.device,
            threads=classifier.runtime.threads,
            batch=BATCH,
            images_per_second=BATCH / full,
            latency_ms=1000 * alone,
            throughput_ratio=best[0][0] / full,
            latency_ratio=alone / best[0][1],
        )
        for classifier, (full, alone) in zip(classifiers, best, strict=True)
    )


def seconds_an_image(a: Classifier, b: Classifier) -> Iterator[tuple[int, float, float]]:
    """Images in a forward of grey ones, then A's and B's seconds for one of them, measured in turns.

    Of the processor, all threads together, where it is what computes: a busy machine makes nobody slower
    then. Of the wall elsewhere. The least of the rounds of each, since other work only ever adds.
    """
    is_cpu = a.device == b.device == "cpu"
    for batch in GATE_BATCHES:
        calls = []
        for each in (a, b):
            grey = np.full((3, each.preprocess.size, each.preprocess.size), 127, dtype=np.uint8)
            forward = partial(each.forward, [grey] * batch)
            forward()
            calls.append(partial(timed, forward))
        ours, theirs = (
            min(each.cpu if is_cpu else each.wall for each in mine) / batch
            for mine in in_turns(calls, most=7, seconds=20.0)
        )
        yield batch, ours, theirs


def in_turns(
    calls: Sequence[Callable[[], Measured]],
    *,
    most: int,
    seconds: float = float("inf"),
    tick: Tick = silent,
) -> list[list[Measured]]:
    """What each call said, by round; after `seconds` no further round begins, `LEAST` are always done."""
    laps: list[list[Measured]] = [[] for _ in calls]
    began = time.perf_counter()
    for number in range(most):
        if number >= LEAST and time.perf_counter() - began > seconds:
            break
        for turn in range(len(calls)):
            place = (turn + number) % len(calls)
            laps[place].append(calls[place]())
        tick("measuring speed, in turns", number + 1, most)
    return laps


def _warm(classifier: Classifier, photographs: Sequence[Photograph], *, batch: int) -> Callable[[], object]:
    """A forward of a batch, which was called once."""
    pixels, _ = decoded(classifier, photographs, batch=batch)
    forward = partial(classifier.forward, pixels)
    forward()
    return forward


def _batch_and_alone(full: Callable[[], object], alone: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall."""
    return timed(full).wall, min(timed(alone).wall for _ in range(3))


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


def _machine(device: str, threads: int) -> str:
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}"


def timed(call: Callable[[], object]) -> Round:
    """One call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Round(time.perf_counter() - wall, time.process_time() - cpu)
