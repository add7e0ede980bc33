"""A breaker tells a dependency that is away from one object that fails, and lets one at a time find out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from model.clock import ManualClock
from model.testing import settle
from schemas.errors import Gone, KeepsFailing, NotAllowed, Unavailable
from streams.resilience.breaker import BreakerState, Phase
from streams.resilience.retry import Backoff, BreakerLimits, Dependencies, Dependency
from tests.unit.waiting_rooms import Owner, Service, cancelled, ended, pass_time, started

PATIENCE = Backoff(first=0.2, longest=4)
AT_ONCE = BreakerLimits(calls=1, after=0)


class Rig:
    """One dependency, on a clock of its own."""

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self.clock, self.owner, self.service = ManualClock(), Owner(), Service()
        self.outages = Dependencies(
            PATIENCE, limits or BreakerLimits(), hooks=self.owner.hooks, clock=self.clock
        )
        self.s3: Dependency = self.outages.of("s3")

    @property
    def state(self) -> BreakerState:
        return self.outages.states()["s3"]

    def calls(self, count: int) -> list[asyncio.Task[str]]:
        return [
            started(self.s3.retry_until_available(self.service.call(str(number)))) for number in range(count)
        ]

    async def pass_time(self, seconds: float) -> None:
        await pass_time(self.clock, seconds)


async def test_refusals_of_several_calls_over_some_time_trip_it() -> None:
    rig = Rig()
    rig.service.is_away = True
    calls = rig.calls(5)
    await settle()
    assert not rig.state.is_away  # a blip, so far
    await rig.pass_time(3)
    assert rig.state.is_away
    assert rig.owner.told == [("trip", "s3")]
    await cancelled(*calls)


async def test_refusals_of_fewer_calls_than_that_do_not() -> None:
    rig = Rig()
    rig.service.is_away = True
    calls = rig.calls(4)
    await rig.pass_time(20)
    assert not rig.state.is_away
    await cancelled(*calls)


async def test_in_a_quiet_stream_few_calls_trip_it_after_a_longer_time() -> None:
    rig = Rig()
    rig.service.is_away = True
    calls = rig.calls(1)
    await rig.pass_time(40)
    assert rig.state.is_away
    await cancelled(*calls)


async def test_an_answer_between_refusals_forgets_them() -> None:
    rig = Rig()
    spoiled = [started(rig.s3.retry_until_available(rig.service.call(is_spoiled=True))) for _ in range(8)]
    for _ in range(100):
        await rig.pass_time(0.5)
        await rig.s3.retry_until_available(rig.service.call())
    assert rig.owner.told == []
    await cancelled(*spoiled)


async def test_while_open_one_at_a_time_asks_and_new_calls_wait() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(20)
    await settle()
    asked = len(rig.service.asked)
    calls += rig.calls(20)
    for _ in range(10):
        before = len(rig.service.asked)
        await rig.pass_time(0.5)
        assert len(rig.service.asked) <= before + 1
    assert len(rig.service.asked) > asked
    assert rig.state.waiting == 40
    await cancelled(*calls)


async def test_the_pause_between_two_probes_grows_so_that_nobody_spins() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(3)
    await rig.pass_time(1000)
    assert len(rig.service.asked) < 1000
    await cancelled(*calls)


async def test_all_go_on_once_the_probe_is_answered() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(30)
    await rig.pass_time(10)
    rig.service.is_away = False
    await ended(*calls, clock=rig.clock)
    assert [call.result() for call in calls] == [f"answer to {number}" for number in range(30)]
    assert rig.owner.told == [("trip", "s3"), ("reset", "s3")]
    assert rig.state == BreakerState(Phase.CLOSED, 0.0, 0, 0)


async def test_they_go_on_spread_over_a_moment() -> None:
    rig = Rig(BreakerLimits(calls=1, after=0, spread=1000))
    rig.service.is_away = True
    calls = rig.calls(30)
    await settle()
    rig.service.is_away = False
    await rig.pass_time(10)
    assert sum(not call.done() for call in calls) > 10
    await ended(*calls, clock=rig.clock)


async def test_one_that_always_fails_keeps_nobody_from_finding_out() -> None:
    rig = Rig(AT_ONCE)
    spoiled = started(rig.s3.retry_until_available(rig.service.call("spoiled", is_spoiled=True)))
    await rig.pass_time(20)
    assert rig.state.is_away
    good = rig.calls(3)
    await ended(*good, clock=rig.clock)
    await cancelled(spoiled)


async def test_who_waits_and_has_not_asked_yet_is_untried() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(3)
    await settle()
    untried = [rig.state.untried]
    calls += rig.calls(2)
    await settle()
    untried.append(rig.state.untried)
    await rig.pass_time(60)
    untried.append(rig.state.untried)
    assert untried == [2, 4, 0]
    assert rig.state.waiting == 5
    await cancelled(*calls)


async def test_spoiled_objects_that_look_like_an_absence_are_told_by_the_next_new_call() -> None:
    rig = Rig()
    spoiled = [
        started(rig.s3.retry_until_available(rig.service.call(is_spoiled=True), attempts=2)) for _ in range(5)
    ]
    await rig.pass_time(30)
    assert rig.state.is_away
    assert rig.state.untried == 0
    news = rig.calls(1)
    await ended(*news, clock=rig.clock)
    while not all(task.done() for task in spoiled):
        await ended(*rig.calls(1), clock=rig.clock)
        await rig.pass_time(1)
    assert {type(task.exception()) for task in spoiled} == {KeepsFailing}


async def test_an_answer_to_a_call_from_before_closes_it_and_wakes_who_sleeps() -> None:
    rig = Rig(BreakerLimits(calls=1, after=0, spread=0))
    landed = asyncio.Event()
    slow = started(rig.s3.retry_until_available(lambda: _after(landed)))
    await settle()
    rig.service.is_away = True
    calls = rig.calls(10)
    await rig.pass_time(20)
    assert rig.state.is_away
    rig.service.is_away = False
    landed.set()
    await settle()
    await settle()
    rig.clock.advance(0)
    await asyncio.wait([slow, *calls])
    assert rig.owner.told == [("trip", "s3"), ("reset", "s3")]


async def test_who_is_asking_is_half_open() -> None:
    rig = Rig(AT_ONCE)
    landed = asyncio.Event()
    asking = started(rig.s3.retry_until_available(_refused_once_and_then(landed)))
    await settle()
    states = [rig.state]
    await rig.pass_time(1)
    states.append(rig.state)
    landed.set()
    await asking
    states.append(rig.state)
    assert [state.phase for state in states] == [Phase.OPEN, Phase.HALF_OPEN, Phase.CLOSED]
    assert [state.is_away for state in states] == [True, True, False]
    assert [state.seconds > 0 for state in states] == [False, True, False]


async def test_a_probe_that_is_cancelled_gives_its_turn_to_the_next() -> None:
    rig = Rig(AT_ONCE)
    probe = started(rig.s3.retry_until_available(_refused_once_and_then(asyncio.Event())))
    await rig.pass_time(1)
    assert rig.state.phase is Phase.HALF_OPEN
    others = rig.calls(2)
    await settle()
    assert rig.service.asked == []
    await cancelled(probe)
    await ended(*others, clock=rig.clock)


async def test_a_sleeper_that_is_cancelled_gives_its_turn_to_the_next() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    first, second = rig.calls(2)
    await settle()
    await cancelled(first)
    rig.service.is_away = False
    await ended(second, clock=rig.clock)


async def test_it_closes_when_nobody_waits_any_more_and_says_so() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    with capture_logs() as lines:
        calls = rig.calls(3)
        await rig.pass_time(3)
        await cancelled(*calls)
    assert [line["event"] for line in lines] == ["dependency.away", "dependency.unasked"]
    assert rig.owner.told == [("trip", "s3"), ("reset", "s3")]
    assert rig.clock.sleepers == 0


async def test_an_answer_that_we_do_not_like_is_an_answer() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(2)
    await settle()
    with pytest.raises(Gone):
        await _in_time(rig, rig.s3.retry_until_available(_raising(Gone())))
    assert rig.owner.told[:2] == [("trip", "s3"), ("reset", "s3")]
    rig.service.is_away = False
    await ended(*calls, clock=rig.clock)


async def test_a_rejection_for_which_nobody_was_asked_says_nothing() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(2)
    await settle()
    with pytest.raises(NotAllowed):
        await _in_time(rig, rig.s3.retry_until_available(_raising(NotAllowed())))
    assert rig.owner.told == [("trip", "s3")]
    await cancelled(*calls)


async def test_dependencies_have_breakers_of_their_own() -> None:
    rig = Rig(AT_ONCE)
    rig.service.is_away = True
    calls = rig.calls(1)
    await settle()
    assert await rig.outages.of("store").retry_until_available(Service().call("it")) == "answer to it"
    assert {name: state.is_away for name, state in rig.outages.states().items()} == {
        "s3": True,
        "store": False,
    }
    await cancelled(*calls)


async def test_only_waiting_for_an_open_breaker_is_explained() -> None:
    rig = Rig()
    rig.service.is_away = True
    calls = rig.calls(4)
    await rig.pass_time(5)
    assert rig.owner.waiting == set()  # each on its own account, so far
    calls += rig.calls(1)
    await rig.pass_time(20)
    assert rig.owner.waiting == set(calls)
    await cancelled(*calls)
    assert rig.owner.waiting == set()


async def test_a_probe_that_never_returns_is_not_excused() -> None:
    rig = Rig(AT_ONCE)
    stuck = started(rig.s3.retry_until_available(_refused_once_and_then(asyncio.Event())))
    await rig.pass_time(1)
    calls = rig.calls(3)
    await rig.pass_time(100)
    assert rig.owner.waiting == set(calls)
    await cancelled(stuck, *calls)


def test_the_longest_outage_does_not_overflow_the_pause() -> None:
    assert 0 <= PATIENCE.pause(100_000) <= 4


async def _after(landed: asyncio.Event) -> str:
    await landed.wait()
    return "at last"


def _raising(error: Exception) -> Callable[[], Coroutine[Any, Any, None]]:
    async def call() -> None:
        raise error

    return call


def _refused_once_and_then(landed: asyncio.Event) -> Callable[[], Coroutine[Any, Any, str]]:
    refusals = [Unavailable("s3")]

    async def call() -> str:
        if refusals:
            raise refusals.pop()
        return await _after(landed)

    return call


async def _in_time(rig: Rig, work: Coroutine[Any, Any, None]) -> None:
    task = started(work)
    await ended(task, clock=rig.clock)
    await task
