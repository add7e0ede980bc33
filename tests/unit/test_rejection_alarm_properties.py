"""Any interleaving of good and bad images, broken decoders, cancellations and the passing of time."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from model.clock import ManualClock
from model.testing import settle
from schemas.errors import Gone, Rejected, Undecodable
from streams.resilience.rejection_alarm import RejectionLimits, RejectionRateBreaker
from tests.unit.waiting_rooms import Owner, cancelled, started

from .guarded_work import guarded

LIMITS = RejectionLimits(share=0.5, window=20, minimum=4, probe=3)


@dataclass
class World:
    """Images, a decoder that breaks and is mended, and an oracle that watches what is held."""

    clock: ManualClock = field(default_factory=ManualClock)
    owner: Owner = field(default_factory=Owner)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    rejected_for: dict[int, str] = field(default_factory=dict)
    turns: set[tuple[str, int] | None] = field(default_factory=set)
    is_broken: bool = False

    def __post_init__(self) -> None:
        self.alarm = RejectionRateBreaker(LIMITS, hooks=self.owner.hooks, clock=self.clock)

    async def work(self, number: int, defect: Rejected | None, seconds: float) -> None:
        turn = self.turn_of(number)
        assert turn is None or turn not in self.turns, "two of the held at once"
        self.turns.add(turn)
        try:
            await self.clock.sleep(seconds)
            if self.is_broken or defect:
                raise (defect or Undecodable()).with_traceback(None)
        except Rejected as error:
            self.rejected_for[number] = error.code
            raise
        finally:
            self.turns.discard(turn)

    def turn_of(self, number: int) -> tuple[str, int] | None:
        """The alarm, by its cause and how often that tripped, under which the image is tried again."""
        cause = self.rejected_for.get(number)
        if cause is None or cause not in self.alarm.alarms():
            return None
        return cause, self.owner.told.count(("trip", cause))

    def start(self, number: int, defect: Rejected | None) -> None:
        each = len(self.tasks)
        self.tasks.append(started(guarded(self.alarm, lambda: self.work(each, defect, number % 3))))

    async def arrive(self, number: int) -> None:
        for _ in range(number % 4 + 1):
            self.start(number, None)

    async def arrive_bad(self, number: int) -> None:
        for _ in range(number % 4 + 1):
            self.start(number, Undecodable())

    async def arrive_gone(self, number: int) -> None:
        for _ in range(number % 4 + 1):
            self.start(number, Gone())

    async def cancel(self, number: int) -> None:
        waiting = [task for task in self.tasks if not task.done()]
        if waiting:
            waiting[number % len(waiting)].cancel()

    async def smash(self, _number: int) -> None:
        self.is_broken = True

    async def mend(self, _number: int) -> None:
        self.is_broken = False

    async def pass_time(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(1)
            await settle()

    async def run(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            await getattr(self, name)(number)
            await settle()

    async def finish(self) -> None:
        """Good images go on coming, and time goes by, until everyone has been told."""
        self.is_broken = False
        for _ in range(1000):
            if all(task.done() for task in self.tasks):
                return
            self.start(0, None)
            await self.pass_time(1)
        raise AssertionError("somebody is held for ever")

    def verify(self) -> None:
        assert all(
            task.cancelled() or task.exception() is None or isinstance(task.exception(), Rejected)
            for task in self.tasks
        )
        on = {cause for what, cause in self.owner.told if what == "trip"}
        for cause in on:
            told = [what for what, name in self.owner.told if name == cause]
            assert told == ["trip", "reset"] * (len(told) // 2) + ["trip"] * (cause in self.alarm.alarms())
        assert self.owner.waiting == set()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "arrive",
                "arrive",
                "arrive_bad",
                "arrive_bad",
                "arrive_gone",
                "cancel",
                "smash",
                "mend",
                "pass_time",
            ]
        ),
        st.integers(0, 11),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_once_good_images_come_through_everyone_gets_an_end(steps: list[tuple[str, int]]) -> None:
    async def story() -> None:
        world = World()
        with capture_logs() as lines:
            await world.run(steps)
            await world.finish()
        world.verify()
        assert len(lines) == len(world.owner.told)

    asyncio.run(story())


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_cancelled_at_any_moment_nothing_is_left_behind(steps: list[tuple[str, int]]) -> None:
    async def story() -> None:
        world = World()
        with capture_logs():
            await world.run(steps)
            await cancelled(*(task for task in world.tasks if not task.done()))
            await settle()
        world.verify()
        assert world.clock.sleepers == 0

    asyncio.run(story())


@given(st.lists(st.booleans(), max_size=200))
@settings(max_examples=200, deadline=None)
def test_a_broken_decoder_buries_less_than_the_minimum_and_its_share(before: list[bool]) -> None:
    """Whatever came before: from the moment it breaks, little more is lost than the share allows."""

    async def story() -> None:
        world = World()
        with capture_logs():
            for is_good in before:
                world.start(0, None if is_good else Gone())
                await world.pass_time(1)
            buried = sum(_is_buried(task) for task in world.tasks)
            world.is_broken = True
            for _ in range(60):
                world.start(0, None)
                await world.pass_time(1)
            assert sum(_is_buried(task) for task in world.tasks) - buried <= LIMITS.window + LIMITS.minimum
            await cancelled(*(task for task in world.tasks if not task.done()))

    asyncio.run(story())


def _is_buried(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and isinstance(task.exception(), Rejected)
