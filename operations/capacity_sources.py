"""Sources of a capacity plan's figures: given, measured here, measured by the benches, or assumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from agents.wiring.settings import Settings
from operations.capacity_sample import FULL, TOGETHER, CapacitySample
from schemas import wire
from schemas.contract import examples
from schemas.errors import ConfigurationError
from schemas.events import ImageTagged, RescoreRequested, TagsHeld
from schemas.wire import cloudevents

MEASURED: Final = "measured"
BENCH: Final = Path("build/bench/bench.json")
PHOTOGRAPH_BYTES: Final = 654_000.0
RENDITION_BYTES: Final = 45_000.0
"""In the mean, of full-size photographs: side 320, quality 90 (ADR 38)."""
HEAD_BYTES: Final = 5_500.0
RECORD_BYTES: Final = 770.0
_PER_IMAGE: Final[tuple[type[BaseModel], ...]] = (RescoreRequested, ImageTagged, TagsHeld)
_PRODUCT: Final = "Tagstream"


@dataclass(frozen=True, slots=True)
class CapacityFigure:
    """A number that enters the plan, and where it is from."""

    value: float
    source: str


def rate(
    asked: str, sample: CapacitySample | None, settings: Settings, *, renditions: bool, bench: Path = BENCH
) -> CapacityFigure:
    """Images a second of one worker; raises `ConfigurationError` where there is nothing to measure by."""
    if asked != MEASURED:
        return CapacityFigure(_number(asked), "--rate")
    here, why = _of_store(sample, settings)
    found = here or _of_bench(bench, "renditions" if renditions else "full-size")
    if found is None:
        raise ConfigurationError(
            f"--rate measured: there is nothing to measure by: {why}, and no figures of `make bench` are in"
            f" {bench}; give images a second of one worker, as in --rate 40"
        )
    return found


def image_bytes(asked: float | None, sample: CapacitySample | None, *, renditions: bool) -> CapacityFigure:
    """Bytes read of each image."""
    if asked is not None:
        return CapacityFigure(asked, "--bytes-an-image")
    if renditions:
        return CapacityFigure(RENDITION_BYTES, "assumed: the mean of renditions as workers keep them")
    if sample is not None and sample.image_bytes is not None:
        return CapacityFigure(sample.image_bytes, _mean_of(sample.scores, "scores"))
    return CapacityFigure(PHOTOGRAPH_BYTES, "assumed: the mean of the benches' full-size photographs")


def head_bytes(sample: CapacitySample | None) -> CapacityFigure:
    """Bytes of an image's document, as JSON."""
    if sample is not None and sample.head_bytes is not None:
        return CapacityFigure(sample.head_bytes, _mean_of(sample.images, "images"))
    return CapacityFigure(HEAD_BYTES, "assumed: one with the packaged model's four labels")


def record_bytes(sample: CapacitySample | None) -> CapacityFigure:
    """Bytes of a version's scores of an image, as JSON."""
    if sample is not None and sample.record_bytes is not None:
        return CapacityFigure(sample.record_bytes, _mean_of(sample.scores, "scores"))
    return CapacityFigure(RECORD_BYTES, "assumed: one with the packaged model's four labels")


def message_bytes() -> CapacityFigure:
    """Bytes of the messages about one image, with their headers: its request, its tags twice."""
    return CapacityFigure(
        float(sum(_message(event) for event in _PER_IMAGE)),
        "the published examples: a request, the tags, the latest tags",
    )


def _number(asked: str) -> float:
    try:
        found = float(asked)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ConfigurationError(f"--rate {asked}: images a second of one worker, as 40, or `measured`")
    return found


def _of_store(sample: CapacitySample | None, settings: Settings) -> tuple[CapacityFigure | None, str]:
    """What the store has seen, where the workers had no room; else why that is no measure."""
    if sample is None:
        return None, "there is no store here"
    found = sample.rate
    if found is None:
        return None, f"the store has no {TOGETHER} scores of different times"
    if found.at_once < FULL:
        return None, (
            f"the store has seen {found.per_second:,.1f} images a second with {found.at_once:,.1f} in the"
            " workers at once, who had room for more: that is what came, and not what they can do"
        )
    workers = found.least_workers(settings.window.concurrency)
    return CapacityFigure(
        found.per_second / workers,
        f"measured: the store's {found.images} scores closest together, {found.per_second:,.1f} a second with"
        f" {found.at_once:,.0f} images at once, by {workers} worker{'' if workers == 1 else 's'} at least",
    ), ""


def _of_bench(file: Path, kind: str) -> CapacityFigure | None:
    """The product's own rate, as `make bench` has left it."""
    if not file.exists():
        return None
    try:
        said: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        (found,) = (
            each["rate"] for each in said["figures"] if (each["program"], each["kind"]) == (_PRODUCT, kind)
        )
        machine = said["machine"]
        about = f"{said['taken']}: {kind}, {machine['processor']}, {machine['cores']} cores"
        return CapacityFigure(float(found), f"measured by `make bench` {about} ({file})")
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{file}: no figures of `make bench` for {kind} ({error!r}); give them with --rate"
        ) from error


def _message(event: type[BaseModel]) -> int:
    example: Any = examples.EXAMPLES[event]
    headers = cloudevents.headers(example, source="/tagstream", now=examples.NOON)
    return len(wire.encode(example)) + sum(len(name) + len(value) for name, value in headers)


def _mean_of(number: int, what: str) -> str:
    return f"measured: the mean of {number:,} {what} of the store"
