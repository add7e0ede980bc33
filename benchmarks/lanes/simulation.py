"""Discrete-event simulation of the lanes over workers that may die.

A heap of what will happen, and the arrivals beside it, which are sorted already. Live photographs belong to
partitions, partitions to workers; the replay's are one heap that every worker takes from. A worker that dies
leaves its partitions standing still until the group has shared them anew, and what it had open is done again.

Nothing is drawn while it runs but who dies, so the same seed gives the same day with and without a replay.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from benchmarks.lanes.costs import Costs
from benchmarks.lanes.day import Times
from benchmarks.lanes.worker import EARLY, REPLAYED, Limits, Worker
from operations.capacity_day import HOUR
from streams.inflight import QUIET_SECONDS

PARTITIONS: Final = 12


@dataclass(frozen=True, slots=True)
class Replay:
    """So many photographs from a time on, and at most so many a second."""

    images: int
    start: float = 0.0
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """A worker dies; its partitions stand still for a while, and it comes back."""

    at: float
    worker: int
    still: float
    back: float


@dataclass(slots=True)
class Outcome:
    """What became of the day."""

    uploaded: Times
    tagged: Times
    """Of each live photograph, when its tags were out; never twice."""
    seconds: float
    """Until the last of it was done."""
    replayed: int = 0
    replay_done: float | None = None
    repeated: int = 0
    """Photographs that were begun, and begun again after a death."""
    busy: list[Mapping[int, float]] = field(default_factory=list)
    """Seconds of each worker's device by the hour."""
    images_a_batch: float = 0.0

    def utilisation(self, start: float, end: float) -> float:
        """Of all devices, in the hours that the time touches."""
        hours = range(int(start // HOUR), max(int(start // HOUR) + 1, math.ceil(end / HOUR)))
        spent = sum(each.get(hour, 0.0) for each in self.busy for hour in hours)
        return spent / (HOUR * len(hours) * len(self.busy))


def deaths(number: int, workers: int, *, seconds: float, seed: int) -> list[Death]:
    """So many, any time, of anybody.

    6 to 12 s until others have the partitions, as `make bench-takeover` has measured; half a minute until it
    is back.
    """
    draws = np.random.default_rng(seed)
    times = np.sort(draws.uniform(0, seconds, number))
    return [Death(float(at), int(draws.integers(workers)), float(draws.uniform(6, 12)), 30.0) for at in times]


class Simulation:
    """One run; `run` is called once."""

    def __init__(  # noqa: PLR0913 - what a day is made of
        self,
        arrivals: Times,
        costs: Costs,
        *,
        workers: int,
        limits: Limits | None = None,
        replay: Replay | None = None,
        deaths: Sequence[Death] = (),
        partitions: int = PARTITIONS,
        seed: int = 1,
    ) -> None:
        self._costs = costs
        self._workers = [Worker(costs, limits or Limits()) for _ in range(workers)]
        self._times: list[float] = arrivals.tolist()
        self._partition: list[int] = (
            np.random.default_rng(seed).integers(partitions, size=len(arrivals)).tolist()
        )
        self._owner: list[Worker | None] = [self._workers[each % workers] for each in range(partitions)]
        self._held: list[deque[int]] = [deque() for _ in range(partitions)]
        self._replay = replay or Replay(0)
        self._left = self._replay.images
        self._due = self._replay.start
        self._is_awake = True
        self._turn = 0
        self._absent = 0
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._tagged: list[float] = [float("nan")] * len(arrivals)
        self._outcome = Outcome(arrivals, np.empty(0), 0.0)
        if self._left:
            self._at(self._replay.start, self._all_replay)
        for death in deaths:
            self._at(death.at, partial(self._die, death))

    def run(self) -> Outcome:
        """Until nothing is left to happen."""
        now, hop, events = 0.0, self._costs.hop, self._events
        for image, uploaded in enumerate(self._times):
            seen = uploaded + hop
            while events and events[0][0] <= seen:
                now, _, happen = heapq.heappop(events)
                happen(now)
            self._arrive(image, seen)
        while events:
            now, _, happen = heapq.heappop(events)
            happen(now)
        return self._ended(max(now, self._outcome.seconds))

    def _ended(self, now: float) -> Outcome:
        outcome, batches = self._outcome, sum(each.device.batches for each in self._workers)
        outcome.seconds = now
        outcome.tagged = np.array(self._tagged)
        outcome.busy = [each.device.busy for each in self._workers]
        done = len(self._times) + outcome.replayed + outcome.repeated
        outcome.images_a_batch = done / batches if batches else 0.0
        return outcome

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, happen))

    # What happens.

    def _arrive(self, image: int, now: float) -> None:
        partition = self._partition[image]
        owner = self._owner[partition]
        if owner is None:
            self._held[partition].append(image)
        else:
            owner.open.add(image)
            owner.waiting.append(image)
            self._fill(owner, now)

    def _loaded(self, worker: Worker, image: int, now: float) -> None:
        worker.decoded(image)
        if worker.device.begin(now):
            self._foresee(worker)

    def _scored(self, worker: Worker, turn: int, now: float) -> None:
        if turn != worker.device.turn:
            return
        images = worker.device.end(now)
        self._later(worker, now + self._costs.tell, lambda then: self._told(worker, images, then))
        worker.device.begin(now)
        self._foresee(worker)

    def _told(self, worker: Worker, images: list[int], now: float) -> None:
        worker.tell(images)
        for image in images:
            if image == REPLAYED:
                self._outcome.replayed += 1
            elif self._tagged[image] == self._tagged[image]:
                raise AssertionError(f"photograph {image} was tagged twice")
            else:
                self._tagged[image] = now
        if not self._left and self._outcome.replayed == self._replay.images > 0:
            self._outcome.replay_done = self._outcome.replay_done or now
        self._later(worker, now + self._costs.mark, lambda then: self._marked(worker, images, then))

    def _marked(self, worker: Worker, images: list[int], now: float) -> None:
        worker.free(images, now)
        if self._left and any(image != REPLAYED for image in images):
            self._later(worker, now + QUIET_SECONDS, lambda then: self._fill(worker, then))
        self._fill(worker, now)

    def _die(self, death: Death, now: float) -> None:
        worker = self._workers[death.worker]
        if not worker.is_alive:
            return
        self._absent += 1
        lost = len(worker.open) - len(worker.waiting) + worker.replayed
        left, replayed = worker.die()
        self._outcome.repeated += lost
        self._left += replayed
        for number, owner in enumerate(self._owner):
            if owner is worker:
                self._owner[number] = None
        for image in left:
            self._held[self._partition[image]].append(image)
        self._at(now + death.still, self._taken_over)
        self._at(now + max(death.back, death.still), lambda then: self._back(worker, then))

    def _taken_over(self, now: float) -> None:
        self._absent -= 1
        self._share(now)

    def _back(self, worker: Worker, now: float) -> None:
        worker.is_alive = True
        self._share(now)

    def _share(self, now: float) -> None:
        """The partitions among those that live, once the group has given up the dead."""
        living = [each for each in self._workers if each.is_alive]
        if self._absent or not living:
            return
        for number, held in enumerate(self._held):
            owner = self._owner[number] = living[number % len(living)]
            owner.open.update(held)
            owner.waiting.extend(held)
            held.clear()
        for worker in living:
            self._fill(worker, now)

    # What follows from it.

    def _later(self, worker: Worker, when: float, happen: Callable[[float], None]) -> None:
        """Unless the worker dies before."""
        life = worker.life
        self._at(when, lambda now: happen(now) if worker.life == life else None)

    def _fill(self, worker: Worker, now: float) -> None:
        """Take up whatever has a slot: live first."""
        while worker.live_may_start():
            self._start(worker, worker.waiting.popleft(), now)
        if self._left and now >= self._replay.start:
            self._fill_replay(worker, now)

    def _fill_replay(self, worker: Worker, now: float) -> None:
        while self._left and worker.replay_may_start(now) and self._may_send(now):
            self._left -= 1
            self._start(worker, REPLAYED, now)

    def _all_replay(self, now: float) -> None:
        self._is_awake = True
        # Who begins changes from time to time: else a slow replay were all the first worker's.
        self._turn = (self._turn + 1) % len(self._workers)
        for worker in self._workers[self._turn :] + self._workers[: self._turn]:
            self._fill_replay(worker, now)

    def _may_send(self, now: float) -> bool:
        """Whether the rate allows one more, which is taken then; else everybody is woken when it does."""
        rate = self._replay.rate
        if rate is None:
            return True
        if self._due <= now + EARLY:
            self._due = max(self._due, now) + 1 / rate
            return True
        if self._is_awake:
            self._is_awake = False
            self._at(self._due, self._all_replay)
        return False

    def _start(self, worker: Worker, image: int, now: float) -> None:
        self._later(worker, worker.load(image, now), lambda then: self._loaded(worker, image, then))

    def _foresee(self, worker: Worker) -> None:
        """The next end of a batch, unless another begins before."""
        device = worker.device
        if (end := device.next_end()) is not None:
            self._later(worker, end, partial(self._scored, worker, device.turn))
