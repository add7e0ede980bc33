"""Circuit breaker of a dependency: tells one that is away from one object that alone keeps failing.

1. Closed, everyone asks. An answer, also an unwelcome one, forgets all refusals before it.
2. Refusals of several different calls with no answer between them, over some time, trip it. So do
   the refusals of fewer calls in a longer time: a quiet stream has no more of them.
3. Open, one call at a time asks, after a pause that grows; the others wait for what it hears.
4. Any answer, the probe's or that of a call from before, closes it, and everyone goes on, spread
   over a moment. It closes too when nobody waits any more: nobody would find out.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import structlog
from pydantic import Field

from schemas.errors import KeepsFailing, NotAllowed, Rejected, Unavailable
from schemas.settings import Advanced, Section
from streams.clock import Clock
from streams.resilience.probe_gate import Hooks, ProbeGate

log = structlog.get_logger(__name__)

T = TypeVar("T")

_DOUBLINGS = 30
"""Of a pause, at most: a float overflows after a thousand."""


class Backoff(Section):
    """How long to wait between two tries, in seconds: random in [0, min(longest, first * 2**n)]."""

    first: Advanced[float] = Field(0.2, gt=0, description="Seconds before the first try again, at most")
    longest: Advanced[float] = Field(15.0, gt=0, description="Seconds between two tries, at most")

    def pause(self, tries: int) -> float:
        """The pause after one try and `tries` more, all of them in vain."""
        return random.uniform(0, min(self.longest, self.first * 2 ** min(tries, _DOUBLINGS)))


class BreakerLimits(Section):
    """When a dependency counts as away, so that one call at a time asks for it."""

    calls: Advanced[int] = Field(5, ge=1, description="Different calls refused, with no answer between them")
    after: Advanced[float] = Field(
        1.0, ge=0, description="Seconds from the first of those refusals on, at least"
    )
    few_after: Advanced[float] = Field(
        30.0, ge=0, description="Seconds of refusals with no answer after which fewer calls are enough"
    )
    spread: Advanced[float] = Field(1.0, ge=0, description="Seconds over which work goes on when it is back")


class Phase(StrEnum):
    """What a breaker does with a new call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """Open, and somebody is asking."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """How a dependency is, as far as its breaker knows."""

    phase: Phase
    seconds: float
    """Since the first refusal of this absence; 0 while closed."""
    waiting: int
    """Calls that were refused or held up and have not ended."""
    untried: int
    """Of them, those that have not asked since the last answer: what they hear may be news. Where it is 0,
    only new calls can tell objects that fail from a dependency that is away: never pause for longer."""

    @property
    def is_away(self) -> bool:
        """Whether new calls are held up."""
        return self.phase is not Phase.CLOSED


@dataclass(slots=True, eq=False)
class Caller:
    """A call that was refused or held up."""

    attempts: int | None = None
    """Refusals of its own that it bears while others are answered; None bears any number."""
    is_alone: bool = False
    """No other call runs, so its refusal is the dependency's absence."""
    refusals: int = 0
    own: int = 0
    """Refusals since the dependency was last away as a whole."""
    answers: int = 0
    """What the dependency had answered at the first of its own refusals."""
    absences: int = 0


class Breaker:
    """One dependency's breaker. All methods belong to one event loop."""

    def __init__(
        self, dependency: str, limits: BreakerLimits, patience: Backoff, *, clock: Clock, hooks: Hooks
    ) -> None:
        self.dependency = dependency
        self._limits = limits
        self._patience = patience
        self._clock = clock
        self._hooks = hooks
        self._gate = ProbeGate(clock, hooks.waiting)
        self._answers = 0
        self._refused: set[Caller] = set()  # since the last answer, and still waiting
        self._refused_since = 0.0
        self._is_whole = False  # away for several calls, not only for the few that there are
        self._absences = 0
        self._probes = 0
        self._waiting = 0

    @property
    def is_open(self) -> bool:
        """Whether new calls are held up."""
        return self._gate.is_shut

    def state(self) -> BreakerState:
        """How the dependency is now."""
        phase, seconds = Phase.CLOSED, 0.0
        if self.is_open:
            phase = Phase.HALF_OPEN if self._gate.is_tried else Phase.OPEN
            seconds = self._clock.time() - self._refused_since
        return BreakerState(phase, seconds, self._waiting, self._waiting - len(self._refused))

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns; an answer, also one that we do not like, says that the dependency is there."""
        try:
            result = await call()
        except Rejected as error:
            if not isinstance(error, NotAllowed):  # for which nobody was asked
                self._answered()
            raise
        self._answered()
        return result

    def refused(self, caller: Caller, error: Unavailable) -> None:
        """Account for the refusal.

        Raises:
            KeepsFailing: it was `caller.attempts` times the caller's own, while others were answered.
        """
        self._suspect(caller, cause=str(error))
        self._count(caller)
        has_borne_enough = caller.attempts is not None and caller.own >= caller.attempts
        if has_borne_enough and not self.is_open and self._answers > caller.answers:
            reason = f"{self.dependency} refused it {caller.own} times and answered others: {error}"
            raise KeepsFailing(self.dependency, reason) from error

    @contextmanager
    def held_up(self, caller: Caller) -> Iterator[None]:
        """The caller waits within the block; when the last one leaves, what it waited for is forgotten."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._refused.discard(caller)
            if not self._waiting:
                self._forget(is_back=False)

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncIterator[None]:
        """Wait until the caller may ask: for its own pause while closed, for its turn while open."""
        if caller.refusals and not self.is_open:
            await self._clock.sleep(self._patience.pause(caller.refusals - 1))
        while self.is_open:
            async with self._gate.turn() as is_probe:
                if is_probe:
                    yield
                    self._probed()
                    return
            await self._clock.sleep(random.uniform(0, self._limits.spread))
        yield

    def _probed(self) -> None:
        if self.is_open:
            self._probes += 1
            self._gate.postpone(self._patience.pause(self._probes))

    def _answered(self) -> None:
        self._answers += 1
        if self._refused or self.is_open:
            self._forget(is_back=True)

    def _suspect(self, caller: Caller, *, cause: str) -> None:
        """Trip once the refusals since the last answer say that the dependency is away."""
        now = self._clock.time()
        if not self._refused:
            self._refused_since = now
        self._refused.add(caller)
        seconds = now - self._refused_since
        is_whole = len(self._refused) >= self._limits.calls and seconds >= self._limits.after
        if is_whole and not self._is_whole:
            self._is_whole = True
            self._absences += 1
        if not self.is_open and (is_whole or caller.is_alone or seconds >= self._limits.few_after):
            self._trip(cause)

    def _count(self, caller: Caller) -> None:
        """Count the refusal as the caller's own, unless the dependency is away as a whole."""
        caller.refusals += 1
        if caller.absences != self._absences:  # what was counted before an absence was its beginning
            caller.absences, caller.own = self._absences, 0
        if self._is_whole:
            return
        if not caller.own:
            caller.answers = self._answers
        caller.own += 1

    def _trip(self, cause: str) -> None:
        self._probes = 0
        self._gate.shut(self._patience.pause(0))
        log.warning("dependency.away", dependency=self.dependency, cause=cause)
        self._hooks.on_trip(self.dependency)

    def _forget(self, *, is_back: bool) -> None:
        """Forget the refusals; an absence is over, by an answer or because nobody asks any more."""
        self._refused.clear()
        self._is_whole = False
        if not self.is_open:
            return
        fields = {
            "dependency": self.dependency,
            "after_seconds": round(self._clock.time() - self._refused_since, 1),
        }
        self._gate.open()
        if is_back:
            log.warning("dependency.back", **fields)
        else:
            log.warning("dependency.unasked", **fields)
        self._hooks.on_reset(self.dependency)
