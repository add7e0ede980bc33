"""Any interleaving of arrivals, cancellations, culprits, shortages, landings and the passing of time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from model.clock import ManualClock
from model.serving.batcher import BatchLimits, MicroBatcher, Scored
from model.testing import BlockingForward, GoodForward, OutOfDeviceMemory, settle
from schemas.errors import BatcherDead, Broken, Unforeseen

SEATS = 4


class TroubledForward(GoodForward):
    """Culprits fail, hogs and large batches run out of memory, and the device may break."""

    def __init__(self) -> None:
        super().__init__()
        self.culprits: set[object] = set()
        self.hogs: set[object] = set()
        self.fits = SEATS
        self.is_broken = False

    def fail_if_due(self, items: Sequence[object]) -> None:
        if self.is_broken:
            raise RuntimeError("the device is broken")
        if len(items) > self.fits or self.hogs.intersection(items):
            raise OutOfDeviceMemory
        for item in self.culprits.intersection(items):
            raise ValueError(f"cannot score {item}")

    def probe(self) -> None:
        super().probe()
        if self.is_broken:
            raise RuntimeError("the golden image failed")


class WatchedForward(BlockingForward):
    """Notes the order in which items first came, and those that had been cancelled by then."""

    def __init__(self, inner: TroubledForward) -> None:
        super().__init__(inner)
        self.cancelled: set[object] = set()
        self.order: list[int] = []
        self.wasted: list[object] = []

    def __call__(self, items: Sequence[object]) -> Sequence[str]:
        newcomers = [int(str(item)) for item in items if item not in self.order]
        self.order += newcomers
        self.wasted += [item for item in items if item in self.cancelled]
        return super().__call__(items)


@dataclass
class World:
    """Callers, a batcher and its device, and an oracle that watches them."""

    limits: BatchLimits
    clock: ManualClock = field(default_factory=ManualClock)
    device: TroubledForward = field(default_factory=TroubledForward)
    callers: list[asyncio.Task[Scored[str]]] = field(default_factory=list)
    behind: set[int] = field(default_factory=set)
    """Those of the background."""

    def __post_init__(self) -> None:
        self.forward = WatchedForward(self.device)
        self.batcher = MicroBatcher[object, str](
            self.forward, self.limits, device=self.forward.checks, clock=self.clock
        )

    async def arrive(self, number: int) -> None:
        for _ in range(number % 5 + 1):
            self.callers.append(asyncio.create_task(self.batcher.score(len(self.callers))))

    async def arrive_in_the_background(self, number: int) -> None:
        for _ in range(number % 5 + 1):
            self.behind.add(len(self.callers))
            self.callers.append(
                asyncio.create_task(self.batcher.score(len(self.callers), is_background=True))
            )

    async def arrive_as_culprit(self, number: int) -> None:
        self.device.culprits.add(len(self.callers))
        await self.arrive(number)

    async def arrive_as_hog(self, number: int) -> None:
        self.device.hogs.add(len(self.callers))
        await self.arrive(number)

    async def cancel(self, number: int) -> None:
        waiting = [item for item, caller in enumerate(self.callers) if not caller.done()]
        if waiting:
            item = waiting[number % len(waiting)]
            self.forward.cancelled.add(item)
            self.callers[item].cancel()

    async def go_on(self, number: int) -> None:
        for _ in range(number % 6 + 1):
            if self.forward.is_blocked:
                self.forward.release()
                await self.quiet()

    async def shrink(self, number: int) -> None:
        self.device.fits = number % SEATS + 1

    async def pass_time(self, number: int) -> None:
        self.clock.advance(number / 4)

    async def quiet(self) -> None:
        """Until nothing happens any more without the test: the device is blocked or has nothing to do."""
        await settle()
        while not self.forward.is_blocked and self.batcher.statistics().in_forward:
            await settle()

    def check(self) -> None:
        now = self.batcher.statistics()
        running = [len(each.requests) for each in self.batcher._running if each.is_background]
        taken = now.waiting + now.in_forward - len(self.batcher._background) - sum(running)
        assert taken <= self.limits.intake, "the intake overflowed"
        if now.held_back:
            assert taken == self.limits.intake, "a slot leaked"
        assert 1 <= now.ceiling <= self.limits.max_size
        assert all(len(batch) <= self.limits.max_size for batch in self.forward.batches)
        for others in (True, False):
            order = [item for item in self.forward.order if (item in self.behind) is not others]
            assert order == sorted(order), "out of order"
        assert self.forward.wasted == [], "forwarded for nobody"

    async def run(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            await getattr(self, name)(number)
            await self.quiet()
            self.check()

    async def finish(self) -> None:
        """Time and the device go on until every caller has been told."""
        while not all(caller.done() for caller in self.callers):
            self.clock.advance(self.limits.linger)
            await self.go_on(5)
            await self.quiet()
        self.check()

    def verify(self, item: int) -> None:
        """The item's caller got its own result, its own error, or the cancellation that it asked for."""
        caller = self.callers[item]
        if caller.cancelled():
            assert item in self.forward.cancelled
        elif item in self.device.culprits | self.device.hogs:
            assert isinstance(caller.exception(), Unforeseen)
            assert "OutOfDeviceMemory" in str(caller.exception()) or f"score {item}" in str(
                caller.exception()
            )
        else:
            assert caller.result().result == f"scored {item}"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "arrive",
                "arrive_in_the_background",
                "arrive_as_culprit",
                "arrive_as_hog",
                "cancel",
                "go_on",
                "go_on",
                "shrink",
                "pass_time",
            ]
        ),
        st.integers(0, 11),
    ),
    max_size=40,
)
LIMITS = st.builds(
    BatchLimits,
    max_size=st.integers(1, SEATS),
    linger=st.sampled_from([0.0, 1.0]),
    intake=st.integers(SEATS, 3 * SEATS),
    grow_after=st.integers(0, 2),
)


@given(LIMITS, STEPS)
@settings(max_examples=200, deadline=None)
def test_every_caller_gets_exactly_its_own(limits: BatchLimits, steps: list[tuple[str, int]]) -> None:
    async def story() -> None:
        world = World(limits)
        async with world.batcher:
            try:
                await world.run(steps)
                await world.finish()
            finally:
                world.forward.free()
        for item in range(len(world.callers)):
            world.verify(item)
        now = world.batcher.statistics()
        assert (now.held_back, now.waiting, now.in_forward, now.dead) == (0, 0, 0, False)

    asyncio.run(story())


@given(LIMITS, STEPS, STEPS)
@settings(max_examples=100, deadline=None)
def test_broken_device_condemns_nobody_and_tells_everyone(
    limits: BatchLimits, before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    async def story() -> None:
        world = World(limits)
        try:
            async with world.batcher:
                try:
                    await world.run(before)
                    told = {item for item, caller in enumerate(world.callers) if caller.done()}
                    world.device.is_broken = True
                    await world.run(after)
                    await world.finish()
                finally:
                    world.forward.free()
        except Broken:
            assert world.batcher.dead
        for item in set(range(len(world.callers))) - told:
            caller = world.callers[item]
            assert caller.cancelled() or isinstance(caller.exception(), Broken)
        for item in told:
            world.verify(item)

    asyncio.run(story())


@given(LIMITS, STEPS)
@settings(max_examples=100, deadline=None)
def test_close_at_any_moment_answers_the_accepted_and_refuses_the_rest(
    limits: BatchLimits, steps: list[tuple[str, int]]
) -> None:
    async def story() -> None:
        world = World(limits)
        async with world.batcher:
            try:
                await world.run(steps)
                refused = world.batcher.statistics().held_back
            finally:
                asyncio.get_running_loop().call_soon(world.forward.free)
        await settle()
        errors = [caller.exception() for caller in world.callers if not caller.cancelled()]
        assert sum(isinstance(error, BatcherDead) for error in errors) == refused
        for item, caller in enumerate(world.callers):
            if caller.cancelled() or not isinstance(caller.exception(), BatcherDead):
                world.verify(item)

    asyncio.run(story())
