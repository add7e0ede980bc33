"""Any interleaving of deliveries, completions, failures, revocations and refused commits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inflight import Delivery, InFlight, Partition, Urgency, WindowLimits

PARTITIONS = (Partition("uploads", 0), Partition("uploads", 1))
KEYS = ("a", "b", "c")


@dataclass(eq=False)
class Job:
    """One execution of one message; `gate` is opened by the test."""

    delivery: Delivery
    epoch: int
    is_stubborn: bool
    gate: asyncio.Future[bool]
    is_running: bool = False
    is_finished: bool = False


@dataclass
class World:
    """A log of messages per partition, a consumer, a window, and an oracle that watches both."""

    limits: WindowLimits
    committed: dict[Partition, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    positions: dict[Partition, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    jobs: list[Job] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    is_refusing: bool = False
    admissions: list[asyncio.Task[bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = InFlight(self.limits, commit=self.commit, on_failure=self.failures.append)

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        epoch = self.window.epoch
        await asyncio.sleep(0)
        if self.is_refusing:
            return False
        for partition, offset in offsets.items():
            assert offset > self.committed[partition], "a commit went backwards"
            for number in range(self.committed[partition], offset):
                assert self.finished_in(epoch, partition, number), "committed past an unfinished message"
            self.committed[partition] = offset
        return True

    def finished_in(self, epoch: int, partition: Partition, offset: int) -> bool:
        return any(
            job.is_finished and job.epoch == epoch
            for job in self.jobs
            if (job.delivery.partition, job.delivery.offset) == (partition, offset)
        )

    def deliver(self, partition: Partition, keys: tuple[str, ...], *, is_stubborn: bool) -> None:
        # A partition is read in order, so all of it is of one kind.
        urgency = Urgency.BACKGROUND if partition == PARTITIONS[-1] else Urgency.LIVE
        delivery = Delivery(partition, self.positions[partition], keys, urgency)
        self.positions[partition] += 1
        job = Job(delivery, self.window.epoch, is_stubborn, asyncio.get_running_loop().create_future())
        self.jobs.append(job)
        admission = self.window.admit(delivery, lambda: self.work(job), is_current=lambda: True)
        self.admissions.append(asyncio.create_task(admission))

    async def work(self, job: Job) -> None:
        assert job.epoch == self.window.epoch, "work of an old epoch was started"
        same_key = [other for other in self.jobs if set(other.delivery.keys) & set(job.delivery.keys)]
        assert not any(other.is_running for other in same_key), "two messages of a key ran at once"
        if not any(other.is_running and other.epoch != job.epoch for other in self.jobs):
            assert sum(other.is_running for other in self.jobs) < self.limits.concurrency
        job.is_running = True
        try:
            await self.wait(job)
            job.is_finished = True
        finally:
            job.is_running = False

    async def wait(self, job: Job) -> None:
        while True:
            try:
                if not await asyncio.shield(job.gate):
                    raise RuntimeError("a bug")
            except asyncio.CancelledError:
                if not job.is_stubborn:
                    raise
            else:
                return

    def open(self, which: int, *, succeeds: bool) -> None:
        waiting = [job for job in self.jobs if job.is_running and not job.gate.done()]
        if waiting:
            waiting[which % len(waiting)].gate.set_result(succeeds)

    async def revoke(self) -> None:
        await self.window.revoke(0)
        # The consumer is assigned again and reads from what is committed.
        self.positions = dict(self.committed)

    async def end(self) -> None:
        try:
            await self.window.close(0)
        finally:
            # Whatever has failed: stubborn work that nobody lets go would hold up the loop's end for ever.
            for job in self.jobs:
                if not job.gate.done():
                    job.gate.set_result(True)
        await asyncio.gather(*self.admissions)
        await tick()
        running = [entry.task for entry in self.window._running if entry.task]
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def played(limits: WindowLimits, actions: list[tuple[Any, ...]]) -> AsyncIterator[World]:
    """The world after all `actions`; ended in any case."""
    world = World(limits)
    try:
        for action in actions:
            await act(world, action)
            assert all(span <= limits.span for span in world.window.statistics().spans.values())
        yield world
    finally:
        await world.end()


async def tick() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


SOME_KEYS = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).map(tuple)

ACTIONS = st.one_of(
    st.tuples(st.just("deliver"), st.sampled_from(PARTITIONS), SOME_KEYS, st.booleans()),
    st.tuples(st.just("finish"), st.integers(0, 20)),
    st.tuples(st.just("finish"), st.integers(0, 20)),
    st.tuples(st.just("commit")),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("revoke")),
)


def stories(actions: st.SearchStrategy[tuple[Any, ...]]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    # Left to itself, Hypothesis draws lists of some five: too short a story for anything to go wrong in.
    return st.lists(actions, min_size=20, max_size=60)


LIMITS = st.builds(
    WindowLimits, concurrency=st.integers(1, 4), span=st.integers(1, 6), cancel_grace=st.just(0.0)
)


async def act(world: World, action: tuple[Any, ...]) -> None:
    match action:
        case ("deliver", partition, keys, is_stubborn):
            world.deliver(partition, keys, is_stubborn=is_stubborn)
        case ("finish", which):
            world.open(which, succeeds=True)
        case ("fail", which):
            world.open(which, succeeds=False)
        case ("commit",):
            await world.window.commit()
        case ("refuse", is_refusing):
            world.is_refusing = is_refusing
        case ("revoke",):
            await world.revoke()
    await tick()


@settings(max_examples=300)
@given(LIMITS, stories(ACTIONS))
def test_no_interleaving_commits_past_an_unfinished_message_or_runs_a_key_twice(
    limits: WindowLimits, actions: list[tuple[Any, ...]]
) -> None:
    async def story() -> None:
        async with played(limits, actions) as world:
            await world.window.commit()
        assert world.failures == []

    asyncio.run(story())


@settings(max_examples=200)
@given(LIMITS, stories(ACTIONS | st.tuples(st.just("fail"), st.integers(0, 20))))
def test_a_failure_is_told_once_and_never_committed_past(
    limits: WindowLimits, actions: list[tuple[Any, ...]]
) -> None:
    async def story() -> None:
        async with played(limits, actions) as world:
            await world.window.commit()
        assert len(world.failures) <= 1

    asyncio.run(story())


@settings(max_examples=150)
@given(LIMITS, stories(ACTIONS), st.randoms(use_true_random=False))
def test_everything_is_committed_in_the_end_whatever_came_before(
    limits: WindowLimits, actions: list[tuple[Any, ...]], random: Any
) -> None:
    async def story() -> None:
        async with played(limits, actions) as world:
            world.is_refusing = False
            ends = {partition: max(5, world.positions[partition]) for partition in PARTITIONS}
            await world.revoke()
            for partition, end in ends.items():
                while world.positions[partition] < end:
                    world.deliver(
                        partition, tuple(random.sample(KEYS, random.randint(1, 2))), is_stubborn=False
                    )
            for _ in range(400):
                world.open(random.randrange(20), succeeds=True)
                await tick()
            await world.window.commit()
            assert world.committed == ends

    asyncio.run(story())
