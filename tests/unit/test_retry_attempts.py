"""One object that keeps failing while its dependency answers others is given up, to be tried later."""

import asyncio

import pytest

from model.clock import ManualClock
from schemas.errors import KeepsFailing, Unavailable
from streams.resilience.retry import Backoff, BreakerLimits, Dependencies, Dependency, Hooks
from tests.unit.waiting_rooms import Service, cancelled, ended, pass_time, started

ATTEMPTS = 3


class Rig:
    """A service of which one object is spoiled."""

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self.clock, self.service = ManualClock(), Service()
        self.refusals_when_back: list[int] = []
        hooks = Hooks(on_reset=lambda _: self.refusals_when_back.append(self.refusals))
        outages = Dependencies(Backoff(), limits or BreakerLimits(), hooks=hooks, clock=self.clock)
        self.s3: Dependency = outages.of("s3")
        self.spoiled: asyncio.Task[str] = started(
            self.s3.retry_until_available(self.service.call("spoiled", is_spoiled=True), attempts=ATTEMPTS)
        )

    @property
    def refusals(self) -> int:
        return self.service.asked.count("spoiled")

    async def pass_time(self, seconds: float) -> None:
        await pass_time(self.clock, seconds)


async def test_refused_often_enough_while_others_are_answered_it_is_given_up() -> None:
    rig = Rig()
    while not rig.spoiled.done():
        await rig.pass_time(0.5)
        await rig.s3.retry_until_available(rig.service.call())
    with pytest.raises(KeepsFailing) as raised:
        await rig.spoiled
    assert rig.refusals == ATTEMPTS
    assert raised.value.dependency == "s3"
    assert isinstance(raised.value.__cause__, Unavailable)


async def test_with_no_answer_to_anyone_it_is_waited_for() -> None:
    rig = Rig()
    await rig.pass_time(25)
    assert rig.refusals > ATTEMPTS
    assert not rig.spoiled.done()
    await cancelled(rig.spoiled)


async def test_the_first_answer_to_another_is_enough() -> None:
    rig = Rig()
    await rig.pass_time(25)
    await rig.s3.retry_until_available(rig.service.call())
    refusals = rig.refusals
    await ended(rig.spoiled, clock=rig.clock)
    assert isinstance(rig.spoiled.exception(), KeepsFailing)
    assert rig.refusals == refusals + 1


async def test_in_a_quiet_stream_it_does_not_pass_for_an_absence() -> None:
    rig = Rig()
    await rig.pass_time(60)
    assert rig.s3.breaker.is_open
    other = started(rig.s3.retry_until_available(rig.service.call()))
    await ended(other, rig.spoiled, clock=rig.clock)
    assert isinstance(rig.spoiled.exception(), KeepsFailing)


async def test_refusals_of_an_absence_do_not_count() -> None:
    rig = Rig(BreakerLimits(calls=2, after=0))
    rig.service.is_away = True
    other = started(rig.s3.retry_until_available(rig.service.call()))
    await rig.pass_time(100)
    assert rig.refusals > ATTEMPTS
    rig.service.is_away = False
    await ended(other, clock=rig.clock)
    while not rig.spoiled.done():
        await rig.pass_time(0.5)
        await rig.s3.retry_until_available(rig.service.call())
    assert isinstance(rig.spoiled.exception(), KeepsFailing)
    assert rig.refusals >= rig.refusals_when_back[0] + ATTEMPTS


async def test_without_a_bound_it_is_waited_for_as_long_as_it_takes() -> None:
    rig = Rig()
    patient = started(rig.s3.retry_until_available(rig.service.call("patient", is_spoiled=True)))
    for _ in range(100):
        await rig.pass_time(1)
        await rig.s3.retry_until_available(rig.service.call())
    assert isinstance(rig.spoiled.exception(), KeepsFailing)
    assert not patient.done()
    await cancelled(patient)
