"""Too many rejections for one cause are held, not buried, until it is known that it was the images."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from model.clock import ManualClock
from model.testing import settle
from schemas.errors import Gone, KeepsFailing, Malformed, Rejected, TooLarge, Undecodable
from streams.resilience.rejection_alarm import RejectionLimits, RejectionRateBreaker
from tests.unit.waiting_rooms import Owner, cancelled, ended, pass_time, started

from .guarded_work import guarded

LIMITS = RejectionLimits(share=0.5, window=60, minimum=10, probe=5)


class Decoder:
    """Decodes, or rejects everything, as it is told; knows what it was given."""

    def __init__(self) -> None:
        self.rejection: Rejected | None = Undecodable()
        self.tried: list[int] = []

    def work(self, number: int = 0) -> Callable[[], Coroutine[Any, Any, int]]:
        async def decode() -> int:
            self.tried.append(number)
            if self.rejection:
                raise self.rejection
            return number

        return decode


class Rig:
    """An alarm on a clock of its own, and a decoder that rejects everything."""

    def __init__(self, limits: RejectionLimits = LIMITS) -> None:
        self.clock, self.owner, self.decoder = ManualClock(), Owner(), Decoder()
        self.alarm = RejectionRateBreaker(limits, hooks=self.owner.hooks, clock=self.clock)
        self.buried = 0

    async def meet(self, count: int, rejection: Rejected | None = None) -> None:
        """So many messages come, and end at once: well, or rejected and buried."""
        for _ in range(count):
            try:
                await guarded(self.alarm, _ending(rejection))
            except Rejected:
                self.buried += 1

    def hold(self, *numbers: int) -> list[asyncio.Task[int]]:
        return [started(guarded(self.alarm, self.decoder.work(number))) for number in numbers]

    async def trip(self) -> None:
        await self.meet(LIMITS.minimum - 1, Undecodable())
        held = self.hold(0)
        await settle()
        assert tuple(self.alarm.alarms()) == ("undecodable",)
        await cancelled(*held)
        self.decoder.tried.clear()

    async def pass_time(self, seconds: float) -> None:
        await pass_time(self.clock, seconds)


def _ending(rejection: Rejected | None) -> Callable[[], Coroutine[Any, Any, None]]:
    async def end() -> None:
        if rejection:
            raise rejection.with_traceback(None)

    return end


async def test_a_stream_of_a_few_bad_images_buries_them() -> None:
    rig = Rig()
    await rig.meet(LIMITS.minimum - 1, Undecodable())
    assert rig.buried == LIMITS.minimum - 1
    assert rig.alarm.alarms() == {}


async def test_a_share_that_is_not_exceeded_buries_them() -> None:
    rig = Rig()
    for _ in range(100):
        await rig.meet(1)
        await rig.meet(1, Undecodable())
    assert rig.buried == 100


async def test_too_large_a_share_for_one_cause_is_held() -> None:
    rig = Rig()
    await rig.trip()
    held = rig.hold(1, 2, 3)
    await settle()
    assert not any(task.done() for task in held)
    assert rig.owner.told == [("trip", "undecodable")]
    assert rig.owner.waiting == set(held)
    await cancelled(*held)


async def test_causes_are_told_apart() -> None:
    rig = Rig()
    for _ in range(100):
        await rig.meet(1, Undecodable())
        await rig.meet(1, Gone())
        await rig.meet(1, Malformed())
    assert rig.buried == 300  # a third of them each


async def test_what_is_rejected_for_another_cause_is_buried_meanwhile() -> None:
    rig = Rig()
    await rig.trip()
    buried = rig.buried
    await rig.meet(1, Malformed())
    assert rig.buried == buried + 1


async def test_two_causes_can_each_have_their_alarm() -> None:
    rig = Rig()
    await rig.trip()
    await rig.meet(LIMITS.minimum - 1, Gone())
    held = started(guarded(rig.alarm, _ending(Gone())))
    await settle()
    assert set(rig.alarm.alarms()) == {"undecodable", "gone"}
    await cancelled(held)


async def test_old_outcomes_do_not_count() -> None:
    rig = Rig()
    for _ in range(100):
        await rig.meet(1, Undecodable())
        rig.clock.advance(LIMITS.window / (LIMITS.minimum - 2))
    assert rig.buried == 100


async def test_one_held_message_at_a_time_is_tried_from_its_start() -> None:
    rig = Rig()
    await rig.trip()
    held = rig.hold(1, 2, 3)
    await settle()
    rig.decoder.tried.clear()
    for number in (1, 2, 3, 1, 2):
        await rig.pass_time(LIMITS.probe)
        assert rig.decoder.tried[-1] == number
    assert rig.decoder.tried == [1, 2, 3, 1, 2]
    await cancelled(*held)


async def test_a_held_message_that_comes_through_ends_it_and_all_go_on() -> None:
    rig = Rig()
    await rig.trip()
    held = rig.hold(*range(30))
    await settle()
    rig.decoder.rejection = None
    await rig.pass_time(LIMITS.probe)
    await ended(*held, clock=rig.clock)
    assert [task.result() for task in held] == list(range(30))
    assert rig.owner.told == [("trip", "undecodable"), ("reset", "undecodable")]


async def test_enough_outcomes_of_others_end_it_and_the_held_are_buried() -> None:
    rig = Rig()
    await rig.trip()
    held = rig.hold(1, 2)
    await settle()
    await rig.meet(LIMITS.minimum)
    await ended(*held, clock=rig.clock)
    assert [type(task.exception()) for task in held] == [Undecodable, Undecodable]
    assert rig.alarm.alarms() == {}


async def test_rejections_for_another_cause_do_not_end_it() -> None:
    rig = Rig()
    await rig.trip()
    for _ in range(LIMITS.minimum):
        for other in (Gone(), Malformed(), TooLarge()):
            await rig.meet(1, other)
    assert tuple(rig.alarm.alarms()) == ("undecodable",)


async def test_time_alone_does_not_end_it() -> None:
    rig = Rig()
    await rig.trip()
    held = rig.hold(1, 2)
    await rig.pass_time(10 * LIMITS.window)
    assert rig.alarm.alarms()["undecodable"] >= 10 * LIMITS.window
    assert not any(task.done() for task in held)
    await cancelled(*held)


async def test_a_held_message_that_is_rejected_for_another_cause_is_buried() -> None:
    rig = Rig()
    await rig.trip()
    (held,) = rig.hold(1)
    await settle()
    rig.decoder.rejection = Gone()
    await ended(held, clock=rig.clock)
    assert isinstance(held.exception(), Gone)
    assert tuple(rig.alarm.alarms()) == ("undecodable",)


async def test_a_share_of_one_lets_the_topic_drain() -> None:
    rig = Rig(LIMITS.model_copy(update={"share": 1.0}))
    await rig.meet(500, Undecodable())
    assert rig.buried == 500


@pytest.mark.parametrize("error", [KeepsFailing("s3"), RuntimeError("a bug")])
async def test_any_other_error_of_the_work_is_raised_as_it_is(error: Exception) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await guarded(Rig().alarm, work)
    assert raised.value is error


async def test_a_held_message_that_fails_otherwise_gives_its_turn_to_the_next() -> None:
    rig = Rig()
    await rig.trip()
    failing, other = rig.hold(1, 2)
    await settle()
    rig.decoder.rejection = None
    await cancelled(failing)
    await ended(other, clock=rig.clock)
    assert other.result() == 2


async def test_a_message_held_by_an_earlier_alarm_does_not_end_a_later_one() -> None:
    rig = Rig()
    await rig.trip()
    mended = asyncio.Event()
    slow = started(guarded(rig.alarm, _rejected_once_and_then(mended)))
    await rig.pass_time(LIMITS.probe)
    await rig.meet(LIMITS.minimum - 1)  # with its own rejection enough: the alarm that tries it ends
    await rig.trip()
    (held,) = rig.hold(1)
    mended.set()
    await slow
    assert tuple(rig.alarm.alarms()) == ("undecodable",)
    await cancelled(held)


async def test_it_is_said_once_when_it_begins_and_once_when_it_ends() -> None:
    rig = Rig()
    with capture_logs() as lines:
        await rig.trip()
        held = rig.hold(*range(5))
        await rig.pass_time(100)
        rig.decoder.rejection = None
        await ended(*held, clock=rig.clock)
    assert [(line["event"], line["cause"]) for line in lines] == [
        ("rejections.alarm", "undecodable"),
        ("rejections.alarm_over", "undecodable"),
    ]
    assert lines[0]["rejected"] == lines[0]["outcomes"] == LIMITS.minimum
    assert lines[1]["after_seconds"] >= 100


def _rejected_once_and_then(mended: asyncio.Event) -> Callable[[], Coroutine[Any, Any, None]]:
    rejections = [Undecodable()]

    async def work() -> None:
        if rejections:
            raise rejections.pop()
        await mended.wait()

    return work
