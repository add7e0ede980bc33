"""The speed of several networks, in turns, the best of some rounds: what else the machine does only slows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from pydantic import JsonValue

from model.data.photograph import Photograph
from model.data.progress import Tick
from model.evaluation.speed import BATCH, decoded, timed
from model.serving.classifier import Classifier

ROUNDS: Final = 11
FEWEST_ROUNDS: Final = 3
SECONDS: Final = 60.0
"""After which no further round begins."""


@dataclass(frozen=True, slots=True)
class ForwardSpeed:
    """Of one network, in its quickest round."""

    device: str
    threads: int
    """Of torch, on the CPU."""
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
            "images_per_second": round(self.images_per_second, 1),
            "latency_ms": round(self.latency_ms, 2),
            "throughput_ratio": round(self.throughput_ratio, 3),
            "latency_ratio": round(self.latency_ratio, 3),
        }


@dataclass(frozen=True, slots=True)
class Lap:
    """One network, in seconds."""

    batch: float
    alone: float


def paces(
    classifiers: Sequence[Classifier], photographs: Sequence[Photograph], *, tick: Tick
) -> tuple[ForwardSpeed, ...]:
    """All on the same photographs, each with its own input; who begins changes from round to round."""
    calls = [_calls(each, photographs) for each in classifiers]
    laps: list[list[Lap]] = [[] for _ in calls]
    began = time.perf_counter()
    for number in range(ROUNDS):
        if number >= FEWEST_ROUNDS and time.perf_counter() - began > SECONDS:
            break
        for turn in range(len(calls)):
            place = (turn + number) % len(calls)
            laps[place].append(calls[place]())
        tick("measuring speed, in turns", number + 1, ROUNDS)
    best = [_quickest(mine) for mine in laps]
    return tuple(
        _pace(classifier, mine, first=best[0]) for classifier, mine in zip(classifiers, best, strict=True)
    )


def _calls(classifier: Classifier, photographs: Sequence[Photograph]) -> partial[Lap]:
    """A lap of the classifier, which is warm by now."""
    pixels, _ = decoded(classifier, photographs, batch=BATCH)
    full, alone = partial(classifier.forward, pixels), partial(classifier.forward, pixels[:1])
    full()
    alone()
    return partial(_lap, full, alone)


def _lap(full: Callable[[], object], alone: Callable[[], object]) -> Lap:
    return Lap(timed(full).wall, min(timed(alone).wall for _ in range(3)))


def _pace(classifier: Classifier, mine: Lap, *, first: Lap) -> ForwardSpeed:
    return ForwardSpeed(
        device=classifier.device,
        threads=torch.get_num_threads(),
        batch=BATCH,
        images_per_second=BATCH / mine.batch,
        latency_ms=1000 * mine.alone,
        throughput_ratio=first.batch / mine.batch,
        latency_ratio=mine.alone / first.alone,
    )


def _quickest(laps: Sequence[Lap]) -> Lap:
    return Lap(min(lap.batch for lap in laps), min(lap.alone for lap in laps))
