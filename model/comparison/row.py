"""Comparison rows: what is known of one backbone in the end, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue

from model.evaluation.speed import ForwardSpeed

MEGABYTE: Final = 1e6
SCRATCH: Final = "from scratch"


class IntervalValue(BaseModel):
    """A figure with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: float | None
    """None where it is not defined: a label of which there is no photograph."""
    interval: tuple[float | None, float | None]
    of: int


class BackboneFigures(BaseModel):
    """What a training and its judging came to; kept in its marker."""

    model_config = ConfigDict(frozen=True)

    weights: str
    """Where those of the backbone came from."""
    size: int
    parameters: int
    bytes: int
    top_accuracy: IntervalValue
    f1_samples: IntervalValue
    mean_average_precision: IntervalValue
    epochs: int
    """Trials but for the probe and the blends."""
    train_seconds: float
    """Of the wall, from decoded pictures to a written version."""
    train_cpu_seconds: float
    """Of the processor, all threads together."""
    resumed: bool
    """Whether an earlier try had trained a part of it, whose time is not in."""


@dataclass(frozen=True, slots=True)
class BackboneRow:
    """One backbone: its figures, or why there are none."""

    backbone: str
    weights: str
    figures: BackboneFigures | None = None
    pace: ForwardSpeed | None = None
    error: str = ""
    trained_now: bool = False

    def as_json(self) -> dict[str, JsonValue]:
        """All of it."""
        if self.figures is None:
            return {"backbone": self.backbone, "weights": self.weights, "error": self.error}
        known: dict[str, JsonValue] = self.figures.model_dump(mode="json")
        pace: JsonValue = self.pace.as_json() if self.pace else None
        return {"backbone": self.backbone, **known, "trained_now": self.trained_now, "speed": pace}


Key = Callable[[BackboneFigures, ForwardSpeed], float]

METRICS: Final[Mapping[str, Key]] = MappingProxyType(
    {
        "top_accuracy": lambda figures, _: -(figures.top_accuracy.value or 0),
        "f1_samples": lambda figures, _: -(figures.f1_samples.value or 0),
        "mean_average_precision": lambda figures, _: -(figures.mean_average_precision.value or 0),
        "images_per_second": lambda _, pace: -pace.images_per_second,
        "latency": lambda _, pace: pace.latency_ms,
        "training_time": lambda figures, _: figures.train_seconds,
        "size": lambda figures, _: figures.bytes,
        "parameters": lambda figures, _: figures.parameters,
    }
)
"""By which rows may be sorted, the best first."""


def ordered(rows: Sequence[BackboneRow], *, by: str) -> tuple[BackboneRow, ...]:
    """The best first, those that failed last, equals as they were named."""

    def key(row: BackboneRow) -> tuple[bool, float]:
        if row.figures is None or row.pace is None:
            return (True, 0.0)
        return (False, METRICS[by](row.figures, row.pace))

    return tuple(sorted(rows, key=key))
