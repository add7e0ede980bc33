"""Breaker on the share of rejections: the alarm against draining a topic into the dead letters.

A broken decoder, a wrong allow-list or the wrong bucket rejects one image after the other, all of
them for the same cause and none of them rightly. So:

1. When more than a share of the outcomes within a window, and there were enough of them, are
   rejections for one cause, that cause's alarm goes on. What was rejected before is buried; a
   stream of a few bad images never trips it.
2. While it is on, work rejected for its cause is held, with whatever slot it has: the window fills
   up, and that is the pause. One held message at a time, each after a pause, is tried from the start.
3. It goes off when a held message comes through, or when enough messages have ended since it went on
   (within one window, well or for its cause: other rejections say nothing of it) and no more than the
   share of them for its cause: then it was those messages. Whoever is held starts again, and may be
   buried.

Time alone never ends it: that would be a slow way to drain the topic. A stream that holds nothing but
garbage waits for a person, who lets it drain with a share of 1, which no share exceeds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import structlog
from pydantic import Field

from schemas.errors import Rejected
from schemas.settings import Advanced, Section
from streams.clock import Clock, SystemClock
from streams.resilience.probe_gate import Hooks, ProbeGate

log = structlog.get_logger(__name__)

_SLICES: Final = 20
"""Of a window: its edge is as blurred as one of them is long."""


class RejectionLimits(Section):
    """When rejections for one cause are too many to be buried."""

    share: float = Field(
        0.5, gt=0, le=1, description="Share of all messages above which they are held; 1 lets a topic drain"
    )
    window: Advanced[float] = Field(60.0, gt=0, description="Seconds over which the share is taken")
    minimum: Advanced[int] = Field(
        50, ge=1, description="Messages within them, below which no share means anything"
    )
    probe: Advanced[float] = Field(15.0, gt=0, description="Seconds between two tries of what is held")


class RejectionRateBreaker:
    """Guards work whose rejections would be buried. All methods belong to one event loop."""

    def __init__(
        self, limits: RejectionLimits, *, hooks: Hooks | None = None, clock: Clock | None = None
    ) -> None:
        self._limits = limits
        self._hooks = hooks or Hooks()
        self._clock = clock or SystemClock()
        self._recent = _Recent(limits.window)
        self._alarms: dict[str, _Alarm] = {}

    def attempt(self) -> Attempt:
        """The attempts at one piece of work: `while True:`, in it `async with attempt: return await work()`.

        Each begins the work from its start, and may take as long as an alarm takes. What the work raises
        leaves the block, but for a `Rejected` that is held: that is tried again.
        """
        return Attempt(self)

    def alarms(self) -> Mapping[str, float]:
        """The causes whose alarm is on, each with the seconds since it went on."""
        now = self._clock.time()
        return {cause: now - alarm.since for cause, alarm in self._alarms.items()}

    @asynccontextmanager
    async def turn(self, cause: str) -> AsyncIterator[_Alarm | None]:
        """Wait for a turn of what was rejected for `cause`; None where no alarm is in its way any more."""
        while (alarm := self._alarms.get(cause)) is not None:
            async with alarm.gate.turn() as is_probe:
                if is_probe:
                    yield alarm
                    return
        yield None

    def holds(self, cause: str, *, tried: _Alarm | None) -> bool:
        """Whether a rejection, perhaps of what had been held by `tried`, is held now."""
        if tried is not None:
            tried.gate.postpone(self._limits.probe)
        if tried is None or tried is not self._alarms.get(cause):  # else it is known already
            self._note(cause)
        return cause in self._alarms

    def passed(self, tried: _Alarm | None) -> None:
        """Account for work that ended well, perhaps of what had been held by `tried`."""
        if tried is not None and tried is self._alarms.get(tried.cause):
            self._reset(tried)
        self._note(None)

    def _note(self, cause: str | None) -> None:
        """Account for an outcome, None being any other than a rejection."""
        self._recent.add(cause, now=self._clock.time())
        if not cause and not self._alarms:
            return  # nearly always: nothing to begin and nothing to end
        over = [alarm for alarm in self._alarms.values() if self._is_over(alarm.cause)]
        if cause and cause not in self._alarms and self._is_too_often(cause, of=self._recent.total):
            self._trip(cause)
        for alarm in over:
            self._reset(alarm)

    def _is_over(self, cause: str) -> bool:
        telling = self._recent.count(None) + self._recent.count(cause)
        return telling >= self._limits.minimum and not self._is_too_often(cause, of=telling)

    def _is_too_often(self, cause: str, *, of: int) -> bool:
        return of >= self._limits.minimum and self._recent.count(cause) > self._limits.share * of

    def _trip(self, cause: str) -> None:
        rejected, outcomes = self._recent.count(cause), self._recent.total
        gate = ProbeGate(self._clock, self._hooks.waiting)
        gate.shut(self._limits.probe)
        self._alarms[cause] = _Alarm(cause, self._clock.time(), gate)
        self._recent.clear()  # from here on only what happens under the alarm says something of it
        log.error("rejections.alarm", cause=cause, rejected=rejected, outcomes=outcomes)
        self._hooks.on_trip(cause)

    def _reset(self, alarm: _Alarm) -> None:
        seconds = round(self._clock.time() - alarm.since, 1)
        del self._alarms[alarm.cause]
        self._recent.clear()
        alarm.gate.open()
        log.warning("rejections.alarm_over", cause=alarm.cause, after_seconds=seconds)
        self._hooks.on_reset(alarm.cause)


class Attempt:
    """One piece of work, begun again from its start when an alarm holds it back.

    A context manager that is entered until the work ends, each time in the task that works.
    """

    def __init__(self, alarm: RejectionRateBreaker) -> None:
        self._breaker = alarm
        self._cause: str | None = None
        self._turn: AbstractAsyncContextManager[_Alarm | None] = nullcontext()
        self._tried: _Alarm | None = None

    async def __aenter__(self) -> Self:
        """Wait for a turn, where the work was held back."""
        if self._cause:
            # Not in the handler: the error's traceback holds the image's bytes, and a turn is long in coming.
            self._turn = self._breaker.turn(self._cause)
            self._tried = await self._turn.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Account for the outcome, and hold a rejection back where too many have its cause."""
        if error is None:
            self._breaker.passed(self._tried)
        self._cause = error.code if isinstance(error, Rejected) else None
        is_held = self._cause is not None and self._breaker.holds(self._cause, tried=self._tried)
        await self._turn.__aexit__(None, None, None)
        return is_held


@dataclass(frozen=True, slots=True, eq=False)
class _Alarm:
    """An alarm that is on."""

    cause: str
    since: float
    gate: ProbeGate


class _Recent:
    """The outcomes of the last `seconds`, counted in slices: memory does not grow with the traffic."""

    def __init__(self, seconds: float) -> None:
        self._slice = seconds / _SLICES
        self._slices: deque[tuple[int, Counter[str | None]]] = deque()
        self._counts: Counter[str | None] = Counter()
        self.total = 0

    def add(self, cause: str | None, *, now: float) -> None:
        """Count one outcome, and forget those that are too old."""
        number = int(now / self._slice)
        while self._slices and self._slices[0][0] <= number - _SLICES:
            _, old = self._slices.popleft()
            self._counts -= old
            self.total -= old.total()
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Counter()))
        self._slices[-1][1][cause] += 1
        self._counts[cause] += 1
        self.total += 1

    def count(self, cause: str | None) -> int:
        """How many were rejected for `cause`, or not at all for None."""
        return self._counts[cause]

    def clear(self) -> None:
        """Forget everything."""
        self._slices.clear()
        self._counts.clear()
        self.total = 0
