"""Days without and with a replay, by the number of workers: the table's rows and the plot's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.lanes.costs import Costs
from benchmarks.lanes.day import Times
from benchmarks.lanes.simulation import Outcome, Replay, Simulation, deaths
from benchmarks.lanes.worker import Limits
from operations.capacity_day import DAY, HOUR


@dataclass(frozen=True, slots=True)
class Asked:
    """What is simulated."""

    arrivals: Times
    costs: Costs
    besides: tuple[int, ...]
    """Slots that a worker gives to the replay while live photographs come, a run each."""
    batch: int
    """Photographs in a forward, at most."""
    apart: tuple[bool, ...]
    """Whether the replay wants another version than that which serves, a run each."""
    workers: tuple[int, ...]
    images: int
    start: float
    rates: tuple[float | None, ...]
    """Of the replay, a run each."""
    deaths: int
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """One day; latencies in seconds from upload to tag, of what came while the replay ran."""

    workers: int
    replay: str
    replay_hours: float | None
    live: int
    p50: float
    p95: float
    p95_without: float
    """Of the same photographs on the day without the replay."""
    p99: float
    most: float
    busy: str
    """The devices, in the hours of the replay."""
    images_a_batch: float
    """Of the whole day."""
    done_again: int


@dataclass(frozen=True, slots=True)
class Day:
    """A run with what it is called."""

    workers: int
    replay: str
    outcome: Outcome
    row: Row

    def p95_by_hour(self) -> list[float | None]:
        """Of the live photographs; None for an hour without any."""
        waits, hours = self.outcome.tagged - self.outcome.uploaded, self.outcome.uploaded // HOUR
        parts = (waits[hours == number] for number in range(24))
        return [float(np.percentile(part, 95)) if len(part) else None for part in parts]


def days(asked: Asked) -> Iterator[Day]:
    """For each number of workers the day without the replay, then with it at each rate."""
    for workers in asked.workers:
        alone = _run(asked, workers, None, Limits(batch=asked.batch))
        yield _day(workers, "none", alone, alone, (0.0, DAY))
        for is_apart, rate, beside in product(asked.apart, asked.rates, asked.besides):
            share = max(beside, Limits().background)
            limits = Limits(background=share, beside=beside, batch=asked.batch, is_apart=is_apart)
            outcome = _run(asked, workers, Replay(asked.images, asked.start, rate), limits)
            slots = f"{beside} slot{'' if beside == 1 else 's'} beside uploads"
            name = f"{_replay_words(rate, is_apart=is_apart)}, {slots}"
            yield _day(workers, name, outcome, alone, (asked.start, outcome.replay_done or outcome.seconds))


def _replay_words(rate: float | None, *, is_apart: bool) -> str:
    version = "another version" if is_apart else "the same version"
    return f"{version}, {'as fast as it goes' if rate is None else f'{rate:g}/s at most'}"


def _run(asked: Asked, workers: int, replay: Replay | None, limits: Limits | None = None) -> Outcome:
    dying = deaths(asked.deaths, workers, seconds=DAY, seed=asked.seed)
    made = Simulation(
        asked.arrivals,
        asked.costs,
        workers=workers,
        limits=limits,
        replay=replay,
        deaths=dying,
        seed=asked.seed,
    )
    return made.run()


def _day(workers: int, replay: str, outcome: Outcome, alone: Outcome, hours: tuple[float, float]) -> Day:
    start, end = hours
    meanwhile = (outcome.uploaded >= start) & (outcome.uploaded < end)
    p50, p95, p99, most = _percentiles(outcome, meanwhile)
    row = Row(
        workers=workers,
        replay=replay,
        replay_hours=None if outcome.replay_done is None else round((end - start) / HOUR, 1),
        live=int(meanwhile.sum()),
        p50=round(p50, 3),
        p95=round(p95, 3),
        p95_without=round(_percentiles(alone, meanwhile)[1], 3),
        p99=round(p99, 3),
        most=round(most, 1),
        busy=f"{outcome.utilisation(start, end):.0%}",
        images_a_batch=round(outcome.images_a_batch, 1),
        done_again=outcome.repeated,
    )
    return Day(workers, replay, outcome, row)


def _percentiles(outcome: Outcome, which: NDArray[np.bool_]) -> tuple[float, ...]:
    waits = (outcome.tagged - outcome.uploaded)[which]
    return tuple(np.percentile(waits, [50, 95, 99, 100]).tolist()) if len(waits) else (0.0,) * 4


def worker_words(number: int) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} worker{'' if number == 1 else 's'}"


def notes(rows: Sequence[Row]) -> list[str]:
    """What the replay costs live traffic."""
    return [
        f"{worker_words(each.workers)}, replay {each.replay}:"
        f" p95 {each.p95 / each.p95_without:.1f} x that without"
        for each in rows
        if each.replay_hours is not None and each.p95_without
    ]
