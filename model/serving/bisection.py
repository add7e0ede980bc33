"""Batch bisection: finds the bad items of a failing batch; all others get their results.

All of it runs in the device thread, without asyncio.

A forward that fails says nothing about who is to blame: one item, the batch's size, or the device. The rules:

1. No item is rejected unless it fails alone, between two probes that pass. The first probe comes with the
   first failure, before any bisection: on a broken device it spares 2n - 1 forwards that would fail too. The
   last one comes before rejecting, for a device that broke in the meantime. So a failing batch costs two
   probes at most (one, if a retry heals it), and an item that came alone is tried twice, like all others.
2. Out of memory with two items or more is the size's fault: no probe, halves, and the ceiling is lowered.
   Out of memory with one item is a failure like any other.
3. A probe that fails is the device: `DeviceBroken` for all, also for those that had been answered in
   this batch, since a device that breaks may have been wrong for a while. Kafka redelivers them.
4. A wrong number of results is a bug that bisection cannot pin on anyone: `Broken` for all. So is a `Broken`
   that the forward itself raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from model.serving.statistics import DeviceTally
from schemas.errors import Broken, DeviceBroken, Rejected, Stage, Unforeseen

if TYPE_CHECKING:
    from model.clock import Clock
    from model.serving.batch_ceiling import Ceiling

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DeviceChecks:
    """How to tell a broken device from a bad image. Both are called in the device thread."""

    probe: Callable[[], None]  # scores a known-good image; raises when that fails
    is_out_of_memory: Callable[[BaseException], bool]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """One item's result and the forward it came from; times by the clock, in seconds."""

    result: Result
    started: float  # when the forward started
    forward: float  # how long it took
    batch_size: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a forward failed. Not the exception: its traceback would keep the batch's device memory alive."""

    error: Rejected
    out_of_memory: bool

    @classmethod
    def of(cls, error: Exception, *, out_of_memory: bool) -> _Failure:
        """A forward that rejects its item in so many words is quoted; anything else is unforeseen."""
        if not isinstance(error, Rejected):
            return cls(Unforeseen.of(error, stage=Stage.FORWARD), out_of_memory)
        error.__cause__ = error.__context__ = None
        return cls(error.with_traceback(None), out_of_memory)


class Bisection(Generic[Item, Result]):
    """Answers batches on the device; lives in the device thread. `tally` may be read from elsewhere."""

    def __init__(
        self,
        forward: Callable[[Sequence[Item]], Sequence[Result]],
        ceiling: Ceiling,
        *,
        device: DeviceChecks,
        clock: Clock,
    ) -> None:
        self.ceiling = ceiling
        self.tally = DeviceTally.up_to(ceiling.size)
        self._forward = forward
        self._device = device
        self._clock = clock

    def isolate(
        self, items: Sequence[Item], wanted: Callable[[int], bool]
    ) -> dict[int, Answer[Result] | Rejected]:
        """What the item of each index gets; those no longer `wanted` before their forward get nothing.

        Raises `DeviceBroken` when the probe fails, `Broken` on a wrong number of results.
        """
        batch = _Batch[Item, Result](items, wanted, ceiling_before=self.ceiling.size)
        while batch.pending:
            self._advance(batch, batch.next_part())
        if batch.suspects:
            self._reject_bad(batch)
        return batch.outcomes

    def _advance(self, batch: _Batch[Item, Result], part: list[int]) -> None:
        if len(part) > self.ceiling.size:
            batch.split(part)
            return
        if not part:
            return
        # Answered outside the `except`: only then is the failed forward's memory free for the next try.
        failure = self._try(batch, part)
        if failure is not None:
            self._respond(batch, part, failure=failure)

    def _try(self, batch: _Batch[Item, Result], part: list[int]) -> _Failure | None:
        started = self._clock.time()
        try:
            results = self._forward([batch.items[index] for index in part])
        except Broken:
            raise
        except Exception as error:  # noqa: BLE001  whatever a forward raises is judged by rule, not by type
            return self._failure(error)
        forward = self._clock.time() - started
        self._check_count(results, len(part))
        for index, result in zip(part, results, strict=True):
            batch.outcomes[index] = Answer(result, started=started, forward=forward, batch_size=len(part))
        self.tally.sizes[len(part)] += 1
        self.ceiling.passed(len(part))
        return None

    def _failure(self, error: Exception) -> _Failure:
        failure = _Failure.of(error, out_of_memory=self._device.is_out_of_memory(error))
        self.tally.failed_forwards += 1
        self.tally.out_of_memory += failure.out_of_memory
        return failure

    @staticmethod
    def _check_count(results: Sequence[Result], expected: int) -> None:
        if len(results) != expected:
            message = f"The forward answered {expected} items with {len(results)} results."
            raise Broken(message)

    def _respond(self, batch: _Batch[Item, Result], part: list[int], *, failure: _Failure) -> None:
        if failure.out_of_memory and len(part) > 1:
            self.ceiling.halve(len(part))
            batch.split(part)
        elif not batch.is_device_proven:
            self._probe(failure)
            batch.is_device_proven = True
            batch.split(part)
        elif len(part) > 1:
            batch.split(part)
        else:
            batch.suspects[part[0]] = failure

    def _reject_bad(self, batch: _Batch[Item, Result]) -> None:
        *_, last = batch.suspects.values()
        self._probe(last)
        for index, failure in batch.suspects.items():
            batch.outcomes[index] = failure.error
            if failure.out_of_memory:
                self.ceiling.restore(batch.ceiling_before)
        self.tally.bad_items += len(batch.suspects)

    def _probe(self, failure: _Failure) -> None:
        self.tally.probes += 1
        try:
            self._device.probe()
        except Exception as error:
            self.tally.probe_failures += 1
            message = f"The golden image fails too ({type(error).__name__}: {error}), after {failure.error}"
            raise DeviceBroken(message) from error


class _Batch(Generic[Item, Result]):
    """One batch while it is being bisected."""

    def __init__(self, items: Sequence[Item], wanted: Callable[[int], bool], *, ceiling_before: int) -> None:
        self.items = items
        self.ceiling_before = ceiling_before
        self.pending = deque([list(range(len(items)))])
        self.outcomes: dict[int, Answer[Result] | Rejected] = {}
        self.suspects: dict[int, _Failure] = {}
        self.is_device_proven = False
        self._wanted = wanted

    def next_part(self) -> list[int]:
        """The indices to try next, without those whose caller has left; perhaps none."""
        return [index for index in self.pending.popleft() if self._wanted(index)]

    def split(self, part: list[int]) -> None:
        """Try the halves of `part` next, the first one first; one item is tried again as it is."""
        middle = (len(part) + 1) // 2
        halves = (part[:middle], part[middle:])
        self.pending.extendleft(half for half in reversed(halves) if half)
