"""In-flight window: work runs concurrently, offsets are committed in order, nothing is lost.

Faust acknowledges an event when its agent is done with it, not when its work is (ADR 2), so the
window keeps its own account. Every admitted message is an `_Entry` in its partition's span:

1. `admit` waits for room, then starts the work, or queues it behind earlier work of its keys.
2. Finished work marks its entry. The finished *prefix* of a span is popped; the offset behind it
   is pending. `commit` hands the pending offsets to the consumer.
3. `revoke` drains within a limit, commits, and begins a new epoch. Work of an old epoch may end
   whenever it likes: it moves no offset, because entries are told apart by epoch, never by offset.
4. Work that raises has found a bug or a broken machine: its entry never finishes, so nothing is
   committed past it, and `on_failure` is told once.

No Faust in here, and no clock: whoever owns the window calls `commit` and `watch` now and then.
All methods belong to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field

from schemas import processors
from schemas.errors import Stalled
from schemas.settings import Advanced, DerivedFrom, Internal, Section

Work = Callable[[], Coroutine[Any, Any, None]]

QUIET_SECONDS: Final = 2.0
"""Without live work, until the background has all its slots: uploads come in bursts, too."""


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    number: int


class Urgency(IntEnum):
    """Who goes first when slots are few."""

    BACKGROUND = 0
    """Admitted only while nothing else waits for a slot, and to its share of them."""
    LIVE = 1
    URGENT = 2
    """Has slots of its own beyond the others': work that waits for storage does not hold it up."""


class Delivery(NamedTuple):
    """One message as the broker delivered it, and the keys whose order it must keep."""

    partition: Partition
    offset: int
    keys: tuple[Hashable, ...]
    """Never empty; a message of several records has one for each of their images."""
    urgency: Urgency = Urgency.LIVE


Committer = Callable[[Mapping[Partition, int]], Awaitable[bool]]
"""Commits the next offset to read of each partition; False when the broker did not take them."""


class WindowLimits(Section):
    """The in-flight window."""

    concurrency: int = Field(64, ge=1, description="Images worked on at once")
    """Messages queued behind their keys wait without a slot."""
    background: Advanced[int] = Field(8, ge=1, description="Of them, images of the replay lane, at most")
    beside_uploads: Annotated[Advanced[int], DerivedFrom("half of the processors, 8 at most")] = Field(
        default_factory=lambda: beside_uploads(processors.usable()),
        ge=1,
        description="Of those, while uploads come: in the last two seconds there was one",
    )
    reserve: Advanced[int] = Field(
        8, ge=1, description="Decisions worked on beyond them, while storage is away too"
    )
    span: Advanced[int] = Field(
        10_000, ge=1, description="Offsets from a partition's oldest unfinished message on"
    )
    stall: Advanced[float] = Field(
        300.0, gt=0, description="Seconds with work in flight and none finished until the worker exits"
    )
    cancel_grace: Internal[float] = Field(2.0, ge=0)
    """Seconds that cancelled work has to clean up; work that ignores its cancellation is left behind."""

    @property
    def loading(self) -> int:
        """Images whose bytes are read or held at once, where nobody says: half; the rest wait elsewhere."""
        return max(1, self.concurrency // 2)


def beside_uploads(cores: int) -> int:
    """Images of the replay lane beside uploads on such a machine: each of them keeps a processor busy."""
    return max(1, min(8, cores // 2))


@dataclass(frozen=True, slots=True)
class WindowStatistics:
    """How full the window is."""

    running: int
    unfinished: int
    spans: Mapping[Partition, int]
    """Offsets from the oldest unfinished message to the newest admitted one, by partition."""
    idle: float
    """Seconds of `watch` since something last finished, with work in flight."""
    oldest_age: float
    """Seconds of `watch` since the oldest unfinished message was admitted; 0 where there is none."""


@dataclass(slots=True, eq=False)
class _Entry:
    """One admitted message. Compared by identity: the same offset may come again in a later epoch."""

    delivery: Delivery
    epoch: int
    work: Work
    admitted_at: float
    """On the window's own clock, which `watch` moves."""
    is_finished: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Account:
    """The spans of one epoch, and the offsets that are ready to be committed."""

    spans: dict[Partition, deque[_Entry]] = field(default_factory=dict)
    pending: dict[Partition, int] = field(default_factory=dict)

    def oldest(self, partition: Partition) -> int | None:
        span = self.spans.get(partition)
        return span[0].delivery.offset if span else None

    def settle(self, partition: Partition) -> None:
        """Pop the finished prefix of the partition's span; what lies behind it may be committed."""
        span = self.spans[partition]
        while span and span[0].is_finished:
            offset = span.popleft().delivery.offset
            # Not the highest ever: in a topic that was made again offsets begin anew.
            self.pending[partition] = offset + 1

    def settled(self, offsets: Mapping[Partition, int]) -> None:
        """Forget pending offsets that the broker has taken."""
        for partition, offset in offsets.items():
            if self.pending.get(partition) == offset:
                del self.pending[partition]


class InFlight:
    """The window over all partitions that this worker owns.

    `commit` is the consumer's; `on_failure` is called once, with the first exception that work
    raised, and must make the process exit.
    """

    def __init__(
        self, limits: WindowLimits, *, commit: Committer, on_failure: Callable[[BaseException], None]
    ) -> None:
        self.limits = limits
        self.epoch = 0
        self.failure: BaseException | None = None
        self._committer = commit
        self._on_failure = on_failure
        self._account = _Account()
        self._doors: dict[Partition, asyncio.Lock] = {}
        self._lanes: dict[Hashable, deque[_Entry]] = {}
        self._ready: deque[_Entry] = deque()
        self._running: set[_Entry] = set()
        self._excused: set[asyncio.Task[Any] | None] = set()
        self._slot_seekers = 0
        self._watched = 0.0
        self._live_at = -QUIET_SECONDS
        self._admitting = True
        self._closed = False
        self._changed = asyncio.Event()
        self._committing = asyncio.Lock()
        self._idle = 0.0

    async def admit(self, delivery: Delivery, work: Work, *, is_current: Callable[[], bool]) -> bool:
        """Start `work` once there is room; False when the message was dropped, unstarted.

        A message is dropped when its partition was revoked while it waited, or when `is_current`
        says so at the last moment: the broker delivers it again to whoever owns it then.
        """
        epoch = self.epoch
        # First come, first admitted: a partition's span is settled from its front.
        async with self._doors.setdefault(delivery.partition, asyncio.Lock()):
            while self._may_admit(epoch) and not self._has_room(delivery):
                await self._change(seeks_slot=self._seeks_slot(delivery))
            # From here to the append nothing awaits: no revocation can come between check and start.
            if not self._may_admit(epoch) or not is_current():
                return False
            self._append(_Entry(delivery, epoch, work, admitted_at=self._watched))
            return True

    async def commit(self) -> bool:
        """Commit what is pending; False when the broker did not take it, which keeps it pending."""
        async with self._committing:
            account, offsets = self._account, dict(self._account.pending)
            if not offsets:
                return True
            taken = await self._committer(offsets)
            if taken:
                account.settled(offsets)
            return taken

    async def revoke(self, limit: float) -> bool:
        """Drain for at most `limit` seconds, commit, and begin a new epoch; True when all finished.

        Call it while the partitions are still owned. Messages may be admitted again afterwards.
        """
        drained = await self._end_epoch(limit)
        self._admitting = not self._closed and self.failure is None
        return drained

    async def close(self, limit: float) -> bool:
        """Drain for at most `limit` seconds, commit, and admit nothing ever again; True when all finished."""
        self._closed = True
        return await self._end_epoch(limit)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block, in the work's own task, it waits on purpose (a dependency is away): no stall."""
        task = asyncio.current_task()
        self._excused.add(task)
        try:
            yield
        finally:
            self._excused.discard(task)

    def watch(self, elapsed: float) -> None:
        """Account for `elapsed` seconds; fail with `Stalled` when nothing has finished for too long.

        Time in which *all* that runs waits on purpose does not count: one call that is stuck in
        itself is not quieted by the others' waiting.
        """
        self._watched += elapsed
        if self._is_quiet:
            self._changed.set()  # the background may have all its slots now
        is_excused = all(entry.task in self._excused for entry in self._running)
        self._idle = 0.0 if is_excused else self._idle + elapsed
        if self._idle > self.limits.stall:
            self.fail(Stalled(f"{len(self._running)} in flight and none finished for {self._idle:.0f} s"))

    def fail(self, error: BaseException) -> None:
        """Admit and start nothing any more; the first failure is told to the owner."""
        if self.failure is not None:
            return
        self.failure = error
        self._admitting = False
        self._changed.set()
        self._on_failure(error)

    def statistics(self) -> WindowStatistics:
        """How full the window is now."""
        spans = {
            partition: span[-1].delivery.offset - span[0].delivery.offset + 1
            for partition, span in self._account.spans.items()
            if span
        }
        unfinished = sum(map(len, self._account.spans.values()))
        admitted = [span[0].admitted_at for span in self._account.spans.values() if span]
        oldest_age = self._watched - min(admitted, default=self._watched)
        return WindowStatistics(len(self._running), unfinished, spans, self._idle, oldest_age)

    def _may_admit(self, epoch: int) -> bool:
        return self._admitting and epoch == self.epoch

    def _has_room(self, delivery: Delivery) -> bool:
        return self._has_span(delivery) and (self._is_queued(delivery) or self._has_slot(delivery))

    def _has_span(self, delivery: Delivery) -> bool:
        oldest = self._account.oldest(delivery.partition)
        return oldest is None or delivery.offset - oldest < self.limits.span

    def _is_queued(self, delivery: Delivery) -> bool:
        """Whether earlier work of one of its keys is unfinished: it waits behind that, without a slot."""
        return any(key in self._lanes for key in delivery.keys)

    def _has_slot(self, delivery: Delivery) -> bool:
        if delivery.urgency is Urgency.URGENT:
            return len(self._running) < self.limits.concurrency + self.limits.reserve
        if self._ready or len(self._running) >= self.limits.concurrency:
            return False
        if delivery.urgency is Urgency.LIVE:
            return True
        background = sum(entry.delivery.urgency is Urgency.BACKGROUND for entry in self._running)
        return self._slot_seekers == 0 and background < self._background_slots

    @property
    def _background_slots(self) -> int:
        most = self.limits.background
        return most if self._is_quiet else min(most, self.limits.beside_uploads)

    @property
    def _is_quiet(self) -> bool:
        return self._watched - self._live_at >= QUIET_SECONDS

    def _seeks_slot(self, delivery: Delivery) -> bool:
        """Whether it is a slot, and nothing else, that it waits for, and the background has to stand back."""
        return delivery.urgency is not Urgency.BACKGROUND and self._has_span(delivery)

    def _append(self, entry: _Entry) -> None:
        self._live_seen(entry)
        self._account.spans.setdefault(entry.delivery.partition, deque()).append(entry)
        for key in entry.delivery.keys:
            self._lanes.setdefault(key, deque()).append(entry)
        self._line_up(entry)
        self._start_ready()

    def _line_up(self, entry: _Entry) -> None:
        """The entry is ready once it is the first of all its lanes; what is urgent stands before the rest."""
        if not all(self._lanes[key][0] is entry for key in entry.delivery.keys):
            return
        # Several keys may let go more than there are slots: that must not hold up what has slots of its own.
        line_up = self._ready.appendleft if entry.delivery.urgency is Urgency.URGENT else self._ready.append
        line_up(entry)

    def _start_ready(self) -> None:
        limit = self.limits.concurrency
        while self._ready and (len(self._running) < limit or self._is_urgent(self._ready[0])):
            self._start(self._ready.popleft())

    def _is_urgent(self, entry: _Entry) -> bool:
        reserved = self.limits.concurrency + self.limits.reserve
        return entry.delivery.urgency is Urgency.URGENT and len(self._running) < reserved

    def _start(self, entry: _Entry) -> None:
        self._running.add(entry)
        entry.task = asyncio.create_task(entry.work())
        entry.task.add_done_callback(lambda task: self._ended(entry, task))

    def _ended(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        self._running.discard(entry)
        self._live_seen(entry)
        error = _error_of(task)
        if error is None:
            self._finished(entry)
        elif entry.epoch == self.epoch:
            self.fail(error)
        self._leave_lanes(entry)
        self._changed.set()

    def _live_seen(self, entry: _Entry) -> None:
        if entry.delivery.urgency is Urgency.LIVE:
            self._live_at = self._watched

    def _finished(self, entry: _Entry) -> None:
        entry.is_finished = True
        # It may stand behind an unfinished one for long: only its offset is still needed.
        entry.work, entry.task = _nothing, None
        self._idle = 0.0
        if entry.epoch == self.epoch:
            self._account.settle(entry.delivery.partition)

    def _leave_lanes(self, entry: _Entry) -> None:
        """Start what was waiting for the entry, unless the window has failed; a lane without anybody ends."""
        for key in entry.delivery.keys:
            lane = self._lanes[key]
            lane.popleft()
            if lane:
                self._line_up(lane[0])
            else:
                del self._lanes[key]
        if self.failure is None:
            self._start_ready()

    def _forget_unstarted(self) -> None:
        """Only what runs keeps its lane: it may not want to end, and its keys stay serial all the same."""
        self._ready.clear()
        for key, lane in tuple(self._lanes.items()):
            running = deque(entry for entry in lane if entry in self._running)
            if running:
                self._lanes[key] = running
            else:
                del self._lanes[key]

    async def _end_epoch(self, limit: float) -> bool:
        self._admitting = False
        self._changed.set()
        try:
            drained = await self._drain(limit)
            await self.commit()
        finally:
            # A commit that the broker did not take is given up here: the messages come again.
            self.epoch += 1
            self._account = _Account()
            self._forget_unstarted()
            await self._cancel_leftovers()
        return drained

    async def _drain(self, limit: float) -> bool:
        """Wait until every admitted message is finished, none will be any more, or `limit` is over."""
        try:
            async with asyncio.timeout(limit):
                while self.failure is None and any(self._account.spans.values()):
                    await self._change()
        except TimeoutError:
            return False
        return self.failure is None

    async def _cancel_leftovers(self) -> None:
        tasks = [entry.task for entry in self._running if entry.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.limits.cancel_grace)

    async def _change(self, *, seeks_slot: bool = False) -> None:
        self._changed.clear()
        self._slot_seekers += seeks_slot
        try:
            await self._changed.wait()
        finally:
            self._slot_seekers -= seeks_slot


async def _nothing() -> None:
    """The work of a finished entry."""


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """What ended the task, None where it finished; a cancellation counts as an error."""
    if task.cancelled():
        return asyncio.CancelledError("the work was cancelled from outside the window")
    return task.exception()
