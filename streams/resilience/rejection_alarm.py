"""Breaker on the share of rejections: the alarm against draining a topic into the dead letters.

A broken decoder, a wrong allow-list or the wrong bucket rejects one image after the other, all of
them for the same cause and none of them rightly. So:

1. When more than a share of the outcomes within a window, and there were enough of them, are
   rejections for one cause, that cause's alarm goes on; so it does when as many as are enough came
   with nothing good among them. What was rejected before is buried: a stream of a few bad images
   never trips it.
2. While it is on, work rejected for its cause is suspected: whoever asks holds it aside and tries it
   again later. Nothing waits for it, and everything else goes on.
3. It goes off when, of enough outcomes since it went on (good ones and new rejections for its cause:
   others say nothing of it), no more than half of the share are for its cause; a good one ends it.
   A try of what was held aside is the probe: a good one counts, and one in vain is an echo that says
   nothing new.

Time alone never ends it: that would be a slow way to drain the topic. A share of 1, which no share
exceeds, turns it off.

What was suspected once stays so, on every worker and after every restart (the message says it of
itself), until the worker that tries it has reason to trust itself: no alarm for its cause, and
enough good outcomes since it started or since an alarm went on last. Only then it may be buried.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import Field

from schemas.settings import Advanced, Section
from streams.clock import Clock, SystemClock

log = structlog.get_logger(__name__)

_SLICES: Final = 20
"""Of a window: its edge is as blurred as one of them is long."""

_CALM: Final = 0.5
"""Of the share: what ends an alarm is well below what begins one, or it would go on and off by chance."""


class RejectionLimits(Section):
    """When rejections for one cause are too many to be buried."""

    share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of all messages above which they are held aside; 1 lets a topic drain",
    )
    window: Advanced[float] = Field(60.0, gt=0, description="Seconds over which the share is taken")
    minimum: Advanced[int] = Field(
        50, ge=1, description="Messages within them, below which no share means anything"
    )


class RejectionAlarm:
    """Tells the rejections that may be buried from those that are suspected. Belongs to one event loop."""

    def __init__(self, limits: RejectionLimits, topic: str = "", *, clock: Clock | None = None) -> None:
        self._limits = limits
        self._topic = topic
        self._clock = clock or SystemClock()
        self._recent = _Recent(limits.window)
        self._in_a_row: Counter[str] = Counter()
        self._alarms: dict[str, _Alarm] = {}
        self._trust = 0
        """Good outcomes since the start, or since an alarm went on last."""

    def alarms(self) -> Mapping[str, float]:
        """The causes whose alarm is on, each with the seconds since it went on."""
        now = self._clock.time()
        return {cause: now - alarm.since for cause, alarm in self._alarms.items()}

    def passed(self) -> None:
        """Account for work that ended well, perhaps of what was held aside."""
        self._recent.add(None, now=self._clock.time())
        self._in_a_row.clear()
        self._trust += 1
        for alarm in tuple(self._alarms.values()):
            alarm.outcomes += 1
            self._end_where_calm(alarm)

    def suspects(self, cause: str, *, again: bool = False) -> bool:
        """Account for a rejection; whether it is suspected. `again`: it was before, for the same cause."""
        if again:
            return cause in self._alarms or self._trust < self._limits.minimum
        if alarm := self._alarms.get(cause):
            alarm.outcomes += 1
            alarm.rejected += 1
            return True
        self._recent.add(cause, now=self._clock.time())
        self._in_a_row[cause] += 1
        if self._is_too_often(cause):
            self._trip(cause)
        return cause in self._alarms

    def _is_too_often(self, cause: str) -> bool:
        share, minimum, total = self._limits.share, self._limits.minimum, self._recent.total
        is_too_large = total >= minimum and self._recent.count(cause) > share * total
        return is_too_large or (share < 1 and self._in_a_row[cause] >= minimum)

    def _trip(self, cause: str) -> None:
        self._alarms[cause] = _Alarm(cause, self._clock.time())
        self._trust = 0
        log.error(
            "rejections.alarm",
            topic=self._topic,
            cause=cause,
            rejected=self._recent.count(cause),
            outcomes=self._recent.total,
        )
        self._forget()

    def _end_where_calm(self, alarm: _Alarm) -> None:
        """End it where enough outcomes say so. Asked behind a good one: no rejection ends its own alarm."""
        if alarm.outcomes < self._limits.minimum:
            return
        if alarm.rejected > _CALM * self._limits.share * alarm.outcomes:
            alarm.outcomes = alarm.rejected = 0
            return
        del self._alarms[alarm.cause]
        self._forget()
        seconds = round(self._clock.time() - alarm.since, 1)
        log.warning("rejections.alarm_over", topic=self._topic, cause=alarm.cause, after_seconds=seconds)

    def _forget(self) -> None:
        """What came before an alarm, or under it, says nothing of what comes behind."""
        self._recent.clear()
        self._in_a_row.clear()


class RejectionAlarms:
    """An alarm for each topic that work first came on: a replay that goes well says nothing of uploads."""

    def __init__(self, limits: RejectionLimits, *, clock: Clock | None = None) -> None:
        self._limits = limits
        self._clock = clock
        self._by_topic: dict[str, RejectionAlarm] = {}

    def of(self, topic: str) -> RejectionAlarm:
        """The topic's own; always the same object."""
        if topic not in self._by_topic:
            self._by_topic[topic] = RejectionAlarm(self._limits, topic, clock=self._clock)
        return self._by_topic[topic]

    def alarms(self) -> Mapping[str, float]:
        """The causes whose alarm is on for some topic, each with the seconds since the first went on."""
        found: dict[str, float] = {}
        for alarm in self._by_topic.values():
            for cause, seconds in alarm.alarms().items():
                found[cause] = max(seconds, found.get(cause, 0.0))
        return found


@dataclass(slots=True)
class _Alarm:
    """An alarm that is on, and the outcomes by which it may end: so many, and then so many anew."""

    cause: str
    since: float
    outcomes: int = 0
    rejected: int = 0


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
