"""Any interleaving of calls, refusals, answers, cancellations, absences and the passing of time."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from model.clock import ManualClock
from model.testing import settle
from schemas.errors import KeepsFailing, Unavailable
from streams.resilience.retry import Backoff, BreakerLimits, Dependencies
from tests.unit.waiting_rooms import Owner, cancelled, started

ATTEMPTS = 2
SLOWEST = 3


@dataclass
class Call:
    """A call, and what the service remembers of it."""

    is_spoiled: bool
    seconds: float
    answers_before: int | None = None
    """What the service had answered when it first refused this call."""


@dataclass
class World:
    """Callers, a service that comes and goes, and an oracle that watches who asks."""

    limits: BreakerLimits
    clock: ManualClock = field(default_factory=ManualClock)
    owner: Owner = field(default_factory=Owner)
    calls: list[Call] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    is_away: bool = False
    is_cured: bool = False
    answers: int = 0
    probing: int = 0

    def __post_init__(self) -> None:
        self.s3 = Dependencies(
            Backoff(first=0.2, longest=4), self.limits, hooks=self.owner.hooks, clock=self.clock
        ).of("s3")

    async def ask(self, call: Call) -> None:
        is_probe = self.s3.breaker.is_open
        self.probing += is_probe
        assert self.probing <= 1, "two probes at once"
        try:
            await self.clock.sleep(call.seconds)
        finally:
            self.probing -= is_probe
        if self.is_away or (call.is_spoiled and not self.is_cured):
            if call.answers_before is None:
                call.answers_before = self.answers
            raise Unavailable("s3")
        self.answers += 1

    def start(self, call: Call) -> None:
        self.calls.append(call)
        self.tasks.append(started(self.s3.retry_until_available(lambda: self.ask(call), attempts=ATTEMPTS)))

    async def arrive(self, number: int) -> None:
        for each in range(number % 4 + 1):
            self.start(Call(is_spoiled=False, seconds=(number + each) % (SLOWEST + 1)))

    async def arrive_spoiled(self, number: int) -> None:
        self.start(Call(is_spoiled=True, seconds=number % SLOWEST))

    async def cancel(self, number: int) -> None:
        waiting = [task for task in self.tasks if not task.done()]
        if waiting:
            waiting[number % len(waiting)].cancel()

    async def leave(self, _number: int) -> None:
        self.is_away = True

    async def come_back(self, _number: int) -> None:
        self.is_away = False

    async def pass_time(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(1)
            await settle()

    async def run(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            await getattr(self, name)(number)
            await settle()

    def verify(self) -> None:
        for call, task in zip(self.calls, self.tasks, strict=True):
            if task.cancelled() or not (error := task.exception()):
                continue
            assert isinstance(error, KeepsFailing), error
            assert call.answers_before is not None
            assert self.answers > call.answers_before, "given up though nobody else was answered"
        names = [name for name, _ in self.owner.told]
        assert names == ["trip", "reset"] * (len(names) // 2)
        assert not self.s3.breaker.is_open
        assert self.owner.waiting == set()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["arrive", "arrive", "arrive_spoiled", "cancel", "leave", "come_back", "pass_time", "pass_time"]
        ),
        st.integers(0, 11),
    ),
    max_size=30,
)
LIMITS = st.builds(
    BreakerLimits,
    calls=st.integers(1, 4),
    after=st.sampled_from([0.0, 1.0]),
    few_after=st.sampled_from([2.0, 30.0]),
    spread=st.sampled_from([0.0, 2.0]),
)


@given(LIMITS, STEPS)
@settings(max_examples=150, deadline=None)
def test_once_the_dependency_answers_everyone_gets_an_end(
    limits: BreakerLimits, steps: list[tuple[str, int]]
) -> None:
    async def story() -> None:
        world = World(limits)
        with capture_logs() as lines:
            await world.run(steps)
            world.is_away, world.is_cured = False, True
            while not all(task.done() for task in world.tasks):
                # A turn for each that waits, after the longest pause and as long as the slowest call.
                assert world.clock.time() < 1000 + 10 * len(world.tasks), "somebody waits for ever"
                await world.pass_time(1)
        world.verify()
        assert len(lines) == len(world.owner.told)

    asyncio.run(story())


@given(LIMITS, STEPS)
@settings(max_examples=100, deadline=None)
def test_cancelled_at_any_moment_nothing_is_left_behind(
    limits: BreakerLimits, steps: list[tuple[str, int]]
) -> None:
    async def story() -> None:
        world = World(limits)
        with capture_logs():
            await world.run(steps)
            await cancelled(*(task for task in world.tasks if not task.done()))
            await settle()
        world.verify()
        assert world.clock.sleepers == 0
        assert world.s3.breaker.state().waiting == 0

    asyncio.run(story())
