"""CPU time of a piece of work: the process's own, so that a busy neighbour does not count."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU for one item; the median of the rounds, and their spread."""

    name: str
    median: float
    least: float
    most: float


def cost(name: str, work: Callable[[], int]) -> Cost:
    """The cost of one item of `work`, which returns how many it did; one round to warm up."""
    work()
    rounds = sorted(_round(work) for _ in range(ROUNDS))
    return Cost(name, median(rounds), rounds[0], rounds[-1])


def _round(work: Callable[[], int]) -> float:
    started = time.process_time()
    items = work()
    return (time.process_time() - started) / items * 1e6
