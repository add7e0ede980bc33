"""Micro-batcher: many callers, one device.

Each caller awaits `score(item)` for one image; the device likes many at once. In between stand

    score() -> overflow -> queue -> running batches (one in its forward, one staged) -> Scored
               FIFO        bounded by `intake`: queue and running batches together
    score(is_background=True) -> background, for when nobody else wants the device

- An idle device takes what is there, or waits `linger` seconds, from the first item on, for a full batch.
- A busy device: the next batch is collected meanwhile, and stays open to grow. Once full it is staged in the
  device thread, which then starts it without a trip through the event loop: the device never idles.
- The background gets batches of its own, a quarter as large, when the queue is empty, and one in `FLOOR`
  where it never is. Another batcher on the same device may be told to stand back alike (`yield_to`).
- Who gave up waiting is dropped before the forward. A failing batch is bisected in `bisection.py`.
- If the loop or the device dies, every caller gets the error, so do later ones, and `died()` tells the
  owner, who has to stop the process.

The event loop's thread runs all of this file except `_run`, so nothing here is locked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Generic, Self

from pydantic import Field, ValidationInfo, field_validator

from model.clock import Clock, SystemClock
from model.serving.batch_ceiling import Ceiling
from model.serving.bisection import Answer, Bisection, DeviceChecks, Item, Result
from model.serving.device_thread import DeviceThread
from model.serving.statistics import BatchStatistics
from schemas.errors import BatcherDead, Broken, DeviceBroken, Rejected
from schemas.settings import Advanced, DerivedFrom, Internal, Section

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["BatchLimits", "BatchStatistics", "DeviceChecks", "MicroBatcher", "Scored"]

INTAKE_BATCHES: Final = 4
"""Full batches that the intake holds where it is not set: one runs, one is staged, and two wait."""


FLOOR: Final = 16
"""Of so many batches one is the background's, whoever else waits: it must not stand still for ever."""

QUARTER: Final = 4
"""A batch of the background is by so much smaller than others may be."""

YIELD_SECONDS: Final = 0.005
"""Between two looks whether the other batcher still has work."""


class BatchLimits(Section):
    """The micro-batcher."""

    max_size: int = Field(32, ge=1, description="Images in a forward, at most")
    linger: float = Field(0.0, ge=0, description="Seconds to wait for more images, from the first one on")
    intake: Annotated[Advanced[int], DerivedFrom("4 x TAGSTREAM_BATCH__MAX_SIZE")] = Field(
        default_factory=lambda given: INTAKE_BATCHES * given["max_size"],
        validate_default=True,
        ge=1,
        description="Images waiting for a forward before the window is held back",
    )
    """Those in a batch included: at twice `max_size` one batch runs and another is staged."""
    grow_after: Internal[int] = Field(64, ge=0)
    """Batches that fill a lowered ceiling before it is raised by one; 0 is never."""
    close_within: Internal[float] = Field(30.0, gt=0)
    """Seconds for which closing waits; then a hung forward is left behind."""

    @field_validator("intake")
    @classmethod
    def _holds_a_batch(cls, intake: int, given: ValidationInfo) -> int:
        if intake < given.data.get("max_size", 1):
            raise ValueError("intake must be at least max_size")
        return intake


@dataclass(frozen=True, slots=True)
class Scored(Generic[Result]):
    """One item's result with its own timings."""

    result: Result
    queued: float  # seconds from acceptance to the start of the forward that answered it
    forward: float  # seconds of that forward
    batch_size: int  # items in that forward


@dataclass(eq=False, slots=True)
class PendingRequest(Generic[Item, Result]):
    """One call of score()."""

    item: Item
    reply: asyncio.Future[Scored[Result]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    accepted: float = 0.0

    def answer(self, outcome: Answer[Result] | Rejected) -> None:
        """Reply with what the device made of the item; too late is no error."""
        if isinstance(outcome, Rejected):
            self.fail(outcome)
        elif not self.reply.done():
            queued = outcome.started - self.accepted
            self.reply.set_result(Scored(outcome.result, queued, outcome.forward, outcome.batch_size))

    def fail(self, error: Exception) -> None:
        """Reply with `error`, which is this caller's own; too late is no error."""
        if not self.reply.done():
            self.reply.set_exception(error)
            # Marks it as seen: a caller cancelled in this very moment will not come to read it.
            self.reply.exception()


# What a batch comes back with: those who still waited for their forward, and what each of them gets.
_Replies = list[tuple[PendingRequest[Item, Result], Answer[Result] | Rejected]]


@dataclass(frozen=True, slots=True)
class _RunningBatch(Generic[Item, Result]):
    """A batch in the device thread's hands."""

    requests: list[PendingRequest[Item, Result]]
    replies: asyncio.Future[_Replies[Item, Result]]
    is_background: bool
    began: float


class MicroBatcher(Generic[Item, Result]):
    """Scores single items in batches; `async with` opens and closes it, once.

    `forward` gets at most `max_size` items, returns one result per item, in order, and may block: it has a
    thread of its own, which it shares with the checks of `device` only.
    """

    def __init__(
        self,
        forward: Callable[[Sequence[Item]], Sequence[Result]],
        limits: BatchLimits,
        *,
        device: DeviceChecks,
        clock: Clock | None = None,
    ) -> None:
        self._yields_to: Callable[[], bool] = lambda: False
        self._limits = limits
        self._clock = clock or SystemClock()
        ceiling = Ceiling(limits.max_size, grow_after=limits.grow_after)
        self._bisection = Bisection[Item, Result](forward, ceiling, device=device, clock=self._clock)
        self._thread = DeviceThread[_Replies[Item, Result]]()
        self._overflow: deque[PendingRequest[Item, Result]] = deque()
        self._queue: deque[PendingRequest[Item, Result]] = deque()
        self._background: deque[PendingRequest[Item, Result]] = deque()
        self._others_first = 0
        self._turn_ended = 0.0
        self._turn_took = 0.0
        self._running: deque[_RunningBatch[Item, Result]] = deque()
        self._dropped = 0
        self._open = False
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._cause: BaseException | None = None
        self._loop: asyncio.Task[None]  # from __aenter__ on

    async def __aenter__(self) -> Self:
        """Start the device thread and the loop."""
        self._thread.start()
        self._open = True
        self._loop = asyncio.create_task(self._guard(), name="micro-batcher")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Refuse what is in the overflow, answer what was accepted, stop the thread.

        Raises `BatcherDead` or `DeviceBroken`, unless another error is on its way already, when the batcher
        has died or the device does not end within `close_within`: nobody may take that for an orderly end.
        """
        self._open = False
        self._changed.set()
        while self._overflow:
            self._overflow.popleft().fail(self._closed_error())
        await self._drain()
        if self.dead and error is None:
            raise self._closed_error()

    # The callers' side.

    async def score(self, item: Item, *, is_background: bool = False) -> Scored[Result]:
        """The result of `item`, first come first served; waits while the intake is full.

        The background waits for the device alone; whoever scores there bounds how many wait.

        Raises `Rejected`, mostly `Unforeseen`, when this item fails by itself; `DeviceBroken` or
        `BatcherDead` when none can be scored any more.
        """
        if not self._open:
            raise self._closed_error()
        request = PendingRequest[Item, Result](item)
        if is_background:
            request.accepted = self._clock.time()
            self._background.append(request)
            self._changed.set()
        else:
            self._overflow.append(request)
            self._admit()
        try:
            return await request.reply
        except asyncio.CancelledError:
            self._withdraw(request)
            raise

    def yield_to(self, is_busy: Callable[[], bool]) -> None:
        """Have the background stand back while another batcher on the device says that it is busy."""
        self._yields_to = is_busy

    @property
    def is_busy(self) -> bool:
        """Whether anybody but the background wants the device."""
        return bool(self._queue or self._overflow or any(not each.is_background for each in self._running))

    @property
    def dead(self) -> bool:
        """Whether the loop or the device has failed. An orderly close is no death."""
        return self._cause is not None

    async def died(self) -> BaseException:
        """What the batcher died of, once it has; else waits for ever. When it returns, stop the process."""
        while self._cause is None:
            await self._stopped.wait()
        return self._cause

    def statistics(self) -> BatchStatistics:
        """What it has done and is doing."""
        sizes = [len(running.requests) for running in self._running]
        return BatchStatistics(
            device=self._bisection.tally.copy(),
            dropped=self._dropped,
            held_back=len(self._overflow),
            waiting=len(self._queue) + len(self._background) + sum(sizes[1:]),
            in_forward=sum(sizes[:1]),
            ceiling=self._bisection.ceiling.size,
            dead=self.dead,
        )

    def _admit(self) -> None:
        # Counted, never kept in a variable: a slot that is not counted cannot leak.
        ours = (running for running in self._running if not running.is_background)
        taken = len(self._queue) + sum(len(running.requests) for running in ours)
        for _ in range(min(len(self._overflow), self._limits.intake - taken)):
            request = self._overflow.popleft()
            request.accepted = self._clock.time()
            self._queue.append(request)
            self._changed.set()

    def _withdraw(self, request: PendingRequest[Item, Result]) -> None:
        # In a running batch it keeps its slot until the end: its item is in the device's memory.
        if request in self._overflow:
            self._overflow.remove(request)
        elif request in self._queue:
            self._queue.remove(request)
            self._dropped += 1
            self._admit()
        elif request in self._background:
            self._background.remove(request)
            self._dropped += 1

    # The loop.

    async def _guard(self) -> None:
        try:
            await self._serve()
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise

    async def _serve(self) -> None:
        while self._open or self._queue or self._background or self._running:
            if self._background_is_due():
                self._start_background()
            elif self._ready():
                self._start_batch()
            else:
                await self._wait_for_change()
                self._reply()

    def _ready(self) -> bool:
        """Whether the next batch leaves now."""
        full = len(self._queue) >= self._bisection.ceiling.size
        if self._running:
            return full and len(self._running) == 1
        return full or (bool(self._queue) and self._lingers_for() <= 0)

    def _background_is_due(self) -> bool:
        """Whether the device is free, and it is the background's turn."""
        if self._running or not self._background:
            return False
        return self._others_first >= FLOOR - 1 if self._queue else not self._stands_back()

    def _stands_back(self) -> bool:
        """Whether another batcher goes first: not when closing, nor after much longer than a turn."""
        waited = self._clock.time() - self._turn_ended
        return self._open and self._yields_to() and waited < FLOOR * self._turn_took

    def _lingers_for(self) -> float:
        """Seconds that the first item still waits for company; when closing nobody will come."""
        return self._queue[0].accepted + self._limits.linger - self._clock.time() if self._open else 0.0

    def _start_batch(self) -> None:
        size = min(len(self._queue), self._bisection.ceiling.size)
        batch = [self._queue.popleft() for _ in range(size)]
        self._others_first += bool(self._background)
        self._submit(batch, is_background=False)

    def _start_background(self) -> None:
        # Who comes meanwhile waits for all of it.
        size = min(len(self._background), max(1, self._bisection.ceiling.size // QUARTER))
        batch = [self._background.popleft() for _ in range(size)]
        self._others_first = 0
        self._submit(batch, is_background=True)

    def _submit(self, batch: list[PendingRequest[Item, Result]], *, is_background: bool) -> None:
        replies = self._thread.submit(partial(self._run, batch))
        replies.add_done_callback(lambda _: self._changed.set())
        self._running.append(_RunningBatch(batch, replies, is_background, self._clock.time()))

    def _run(self, batch: list[PendingRequest[Item, Result]]) -> _Replies[Item, Result]:
        # In the device thread. A staged batch has waited, a bisected one takes a while: each forward asks who
        # still wants an answer. Asking a future of another thread is safe, and a cancellation that comes a
        # moment later costs one place in the batch.
        items = [request.item for request in batch]
        outcomes = self._bisection.isolate(items, lambda index: not batch[index].reply.done())
        return [(batch[index], outcome) for index, outcome in outcomes.items()]

    async def _wait_for_change(self) -> None:
        """Until something has happened: an arrival, the end of a batch, a close, the end of a linger."""
        if self._running or not (self._queue or self._background):
            await self._changed.wait()
        elif not self._queue:
            await _first_of(self._changed.wait(), self._clock.sleep(YIELD_SECONDS))
        else:
            await _first_of(self._changed.wait(), self._clock.sleep(self._lingers_for()))
        # No await between this and the next look at the state, so nothing that happens can be missed.
        self._changed.clear()

    def _reply(self) -> None:
        while self._running and self._running[0].replies.done():
            # Taken off only after its result is read: if that raises, its callers are still here to be told.
            replies = self._running[0].replies.result()
            ended = self._running.popleft()
            if ended.is_background:
                self._turn_ended = self._clock.time()
                self._turn_took = self._turn_ended - ended.began
            self._dropped += len(ended.requests) - len(replies)
            for request, outcome in replies:
                request.answer(outcome)
        self._admit()

    # The end.

    async def _drain(self) -> None:
        """Until the loop has ended by itself; cut off, and dead, after `close_within` or if cancelled."""
        loop = self._loop
        alarm = asyncio.create_task(self._clock.sleep(self._limits.close_within))
        try:
            await asyncio.wait((loop, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not loop.done():
                self._fail(
                    BatcherDead("Closing had to end before the device had answered what was accepted.")
                )
            await _cancelled(loop, alarm)
            # A hung thread is not waited for: it is a daemon and goes with the process.
            self._thread.stop(join=not self.dead)

    def _fail(self, cause: BaseException) -> None:
        """Tell every caller and the owner; the first cause counts."""
        if self._cause is not None:
            return
        self._cause = cause
        self._open = False
        running = [request for batch in self._running for request in batch.requests]
        for request in (*running, *self._queue, *self._overflow, *self._background):
            request.fail(self._closed_error())
        for line in (self._running, self._queue, self._overflow, self._background):
            line.clear()
        self._stopped.set()

    def _closed_error(self) -> Broken:
        """The error that a caller gets; one each, since a raised error collects its raiser's traceback."""
        if self._cause is None:
            return BatcherDead("The batcher is not open.")
        kind = DeviceBroken if isinstance(self._cause, DeviceBroken) else BatcherDead
        error = kind(f"{type(self._cause).__name__}: {self._cause}")
        error.__cause__ = self._cause
        return error


async def _first_of(*steps: Coroutine[object, object, object]) -> None:
    """Until one of `steps` is done, or has failed, which is raised; the others are cancelled."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _cancelled(*tasks)


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    """Cancel `tasks` and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
