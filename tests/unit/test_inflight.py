"""The window, one behaviour a test, driven by a fake consumer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest

from schemas.errors import Stalled
from streams.inflight import Delivery, InFlight, Partition, Urgency, WindowLimits, beside_uploads

P0, P1 = Partition("uploads", 0), Partition("uploads", 1)


class FakeConsumer:
    """Keeps what was committed; `is_refusing` and `is_hanging` are faults of the broker."""

    def __init__(self) -> None:
        self.committed: dict[Partition, int] = {}
        self.commits: list[dict[Partition, int]] = []
        self.is_refusing = False

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        await asyncio.sleep(0)
        if self.is_refusing:
            return False
        self.commits.append(dict(offsets))
        self.committed.update(offsets)
        return True


class Jobs:
    """Work that finishes when the test says so."""

    def __init__(self, window: InFlight) -> None:
        self.window = window
        self.started: list[tuple[Partition, int]] = []
        self._gates: dict[tuple[Partition, int], asyncio.Future[None]] = {}

    async def admit(
        self, partition: Partition, offset: int, *keys: str, urgency: Urgency = Urgency.LIVE
    ) -> bool:
        delivery = Delivery(partition, offset, keys or (f"{partition.number}/{offset}",), urgency)
        return await self.window.admit(
            delivery, lambda: self._work(partition, offset), is_current=lambda: True
        )

    async def _work(self, partition: Partition, offset: int) -> None:
        self.started.append((partition, offset))
        self._gates[partition, offset] = asyncio.get_running_loop().create_future()
        await self._gates[partition, offset]

    async def finish(self, partition: Partition, *offsets: int) -> None:
        for offset in offsets:
            self._gates[partition, offset].set_result(None)
            await settled()

    async def fail(self, partition: Partition, offset: int, error: Exception) -> None:
        self._gates[partition, offset].set_exception(error)
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Rig:
    def __init__(self, limits: WindowLimits | None = None) -> None:
        self.consumer = FakeConsumer()
        self.failures: list[BaseException] = []
        self.window = InFlight(
            limits or WindowLimits(), commit=self.consumer.commit, on_failure=self.failures.append
        )
        self.jobs = Jobs(self.window)

    async def admit(self, partition: Partition, *offsets: int, key: str | None = None) -> None:
        for offset in offsets:
            assert await self.jobs.admit(partition, offset, *([key] if key else []))
        await settled()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig(WindowLimits(cancel_grace=0.01))
    yield rig
    await rig.window.close(0)


async def test_the_finished_prefix_is_committed(rig: Rig) -> None:
    await rig.admit(P0, 10, 11, 12)
    await rig.jobs.finish(P0, 10, 11)
    await rig.window.commit()
    assert rig.consumer.committed == {P0: 12}


async def test_an_unfinished_head_holds_back_everything_behind_it(rig: Rig) -> None:
    await rig.admit(P0, 10, 11, 12)
    await rig.jobs.finish(P0, 12, 11)
    await rig.window.commit()
    assert rig.consumer.committed == {}
    await rig.jobs.finish(P0, 10)
    await rig.window.commit()
    assert rig.consumer.committed == {P0: 13}


async def test_gaps_between_offsets_are_crossed(rig: Rig) -> None:
    await rig.admit(P0, 3, 7)
    await rig.jobs.finish(P0, 3, 7)
    await rig.window.commit()
    assert rig.consumer.committed == {P0: 8}


async def test_partitions_are_committed_independently(rig: Rig) -> None:
    await rig.admit(P0, 0, 1)
    await rig.admit(P1, 5)
    await rig.jobs.finish(P1, 5)
    await rig.jobs.finish(P0, 1)
    await rig.window.commit()
    assert rig.consumer.committed == {P1: 6}


async def test_nothing_is_committed_twice(rig: Rig) -> None:
    await rig.admit(P0, 0)
    await rig.jobs.finish(P0, 0)
    await rig.window.commit()
    await rig.window.commit()
    assert rig.consumer.commits == [{P0: 1}]


async def test_a_refused_commit_stays_pending(rig: Rig) -> None:
    await rig.admit(P0, 0)
    await rig.jobs.finish(P0, 0)
    rig.consumer.is_refusing = True
    assert not await rig.window.commit()
    rig.consumer.is_refusing = False
    assert await rig.window.commit()
    assert rig.consumer.committed == {P0: 1}


async def test_messages_of_one_key_run_one_after_another(rig: Rig) -> None:
    await rig.admit(P0, 0, 1, key="img")
    assert rig.jobs.started == [(P0, 0)]
    await rig.jobs.finish(P0, 0)
    assert rig.jobs.started == [(P0, 0), (P0, 1)]
    await rig.jobs.finish(P0, 1)


async def test_messages_of_other_keys_run_beside_a_slow_one(rig: Rig) -> None:
    await rig.admit(P0, 0, 1, key="slow")
    await rig.admit(P0, 2)
    assert rig.jobs.started == [(P0, 0), (P0, 2)]


async def test_admission_waits_while_all_slots_are_taken() -> None:
    rig = Rig(WindowLimits(concurrency=2))
    await rig.admit(P0, 0, 1)
    third = asyncio.create_task(rig.jobs.admit(P0, 2))
    await settled()
    assert not third.done()
    await rig.jobs.finish(P0, 1)
    assert await third
    await rig.window.close(0)


async def test_a_message_behind_its_key_takes_no_slot() -> None:
    rig = Rig(WindowLimits(concurrency=2))
    await rig.admit(P0, 0, 1, 2, key="hot")
    await rig.admit(P0, 3)
    assert rig.window.statistics().running == 2
    await rig.window.close(0)


async def test_the_span_from_the_oldest_unfinished_offset_is_bounded() -> None:
    rig = Rig(WindowLimits(span=3))
    await rig.admit(P0, 0, 1, 2)
    await rig.jobs.finish(P0, 1, 2)
    fourth = asyncio.create_task(rig.jobs.admit(P0, 3))
    await settled()
    assert not fourth.done()
    await rig.jobs.finish(P0, 0)
    assert await fourth
    await rig.window.close(0)


async def test_revocation_drains_and_commits_before_the_epoch_ends(rig: Rig) -> None:
    await rig.admit(P0, 0, 1)
    revoking = asyncio.create_task(rig.window.revoke(60))
    await settled()
    assert rig.window.epoch == 0
    await rig.jobs.finish(P0, 1, 0)
    assert await revoking
    assert rig.consumer.committed == {P0: 2}
    assert rig.window.epoch == 1


async def test_revocation_drains_what_waits_behind_its_key(rig: Rig) -> None:
    await rig.admit(P0, 0, 1, key="img")
    revoking = asyncio.create_task(rig.window.revoke(60))
    await settled()
    await rig.jobs.finish(P0, 0)
    await rig.jobs.finish(P0, 1)
    assert await revoking
    assert rig.consumer.committed == {P0: 2}


async def test_revocation_gives_up_at_its_limit_and_cancels(rig: Rig) -> None:
    await rig.admit(P0, 0, 1)
    await rig.jobs.finish(P0, 1)
    assert not await rig.window.revoke(0.01)
    assert rig.consumer.committed == {}
    assert rig.window.statistics().running == 0
    assert rig.failures == []


async def test_a_message_that_waited_through_a_revocation_is_dropped_unstarted() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.admit(P0, 0)
    waiting = asyncio.create_task(rig.jobs.admit(P0, 1))
    await settled()
    await rig.window.revoke(0)
    assert not await waiting
    assert rig.jobs.started == [(P0, 0)]


async def test_a_message_of_an_earlier_generation_is_dropped_unstarted(rig: Rig) -> None:
    work = rig.jobs._work
    admitted = await rig.window.admit(Delivery(P0, 0, ("k",)), lambda: work(P0, 0), is_current=lambda: False)
    assert not admitted
    assert rig.jobs.started == []


async def test_messages_are_admitted_again_after_a_revocation(rig: Rig) -> None:
    await rig.admit(P0, 0)
    await rig.window.revoke(0)
    await rig.admit(P0, 0)
    await rig.jobs.finish(P0, 0)
    await rig.window.commit()
    assert rig.consumer.committed == {P0: 1}


class Stubborn:
    """Work that swallows its cancellation and finishes later."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.is_finished = False

    async def __call__(self) -> None:
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                continue
        self.is_finished = True


@pytest.fixture
async def stubborn(rig: Rig) -> Stubborn:
    """Work of epoch 0 that still runs in epoch 1."""
    work = Stubborn()
    assert await rig.window.admit(Delivery(P0, 0, ("img",)), work, is_current=lambda: True)
    await settled()
    await rig.window.revoke(0)
    return work


async def test_a_late_completion_of_an_old_epoch_moves_no_offset(rig: Rig, stubborn: Stubborn) -> None:
    await rig.admit(P0, 0, key="another")
    stubborn.gate.set()
    await settled()
    await rig.window.commit()
    assert stubborn.is_finished
    assert rig.consumer.committed == {}


async def test_a_key_stays_serial_across_epochs(rig: Rig, stubborn: Stubborn) -> None:
    await rig.admit(P0, 0, key="img")
    assert rig.jobs.started == []
    stubborn.gate.set()
    await settled()
    assert rig.jobs.started == [(P0, 0)]


async def test_the_first_failure_is_told_once_and_nothing_starts_any_more(rig: Rig) -> None:
    await rig.admit(P0, 0, 1)
    await rig.admit(P0, 2, 3, key="img")
    broken = RuntimeError("broken")
    await rig.jobs.fail(P0, 0, broken)
    await rig.jobs.fail(P0, 1, RuntimeError("second"))
    await rig.jobs.finish(P0, 2)
    assert rig.failures == [broken]
    assert not await rig.jobs.admit(P0, 4)
    assert (P0, 3) not in rig.jobs.started


async def test_nothing_is_committed_past_a_failure(rig: Rig) -> None:
    await rig.admit(P0, 0, 1, 2)
    await rig.jobs.finish(P0, 0, 2)
    await rig.jobs.fail(P0, 1, RuntimeError("broken"))
    await rig.window.close(60)
    assert rig.consumer.committed == {P0: 1}


async def test_a_failure_wakes_whoever_waits_for_room() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.admit(P0, 0)
    waiting = asyncio.create_task(rig.jobs.admit(P0, 1))
    await settled()
    await rig.jobs.fail(P0, 0, RuntimeError("broken"))
    assert not await waiting


async def test_work_cancelled_from_outside_is_a_failure_not_a_completion(rig: Rig) -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    await rig.window.admit(Delivery(P0, 0, ("k",)), cancels_itself, is_current=lambda: True)
    await settled()
    await rig.window.commit()
    assert rig.consumer.committed == {}
    assert len(rig.failures) == 1


async def test_closing_drains_commits_and_admits_nothing_more(rig: Rig) -> None:
    await rig.admit(P0, 0)
    closing = asyncio.create_task(rig.window.close(60))
    await settled()
    assert not await rig.jobs.admit(P0, 1)
    await rig.jobs.finish(P0, 0)
    assert await closing
    assert rig.consumer.committed == {P0: 1}
    assert not await rig.jobs.admit(P0, 1)


async def test_a_revocation_that_ends_while_closing_admits_nothing(rig: Rig) -> None:
    await rig.admit(P0, 0)
    revoking = asyncio.create_task(rig.window.revoke(60))
    await settled()
    closing = asyncio.create_task(rig.window.close(60))
    await settled()
    await rig.jobs.finish(P0, 0)
    await asyncio.gather(revoking, closing)
    assert not await rig.jobs.admit(P0, 1)


async def test_a_commit_that_raises_still_ends_the_epoch() -> None:
    async def raising(_offsets: Mapping[Partition, int]) -> bool:
        raise OSError("wire")

    window = InFlight(WindowLimits(), commit=raising, on_failure=lambda _error: None)
    jobs = Jobs(window)
    assert await jobs.admit(P0, 0)
    await settled()
    await jobs.finish(P0, 0)
    with pytest.raises(OSError, match="wire"):
        await window.revoke(1)
    assert window.epoch == 1


async def test_work_in_flight_of_which_none_finishes_is_a_stall() -> None:
    rig = Rig(WindowLimits(stall=10))
    await rig.admit(P0, 0)
    rig.window.watch(9)
    assert rig.failures == []
    rig.window.watch(2)
    assert isinstance(rig.failures[0], Stalled)
    await rig.window.close(0)


async def test_an_idle_window_never_stalls() -> None:
    rig = Rig(WindowLimits(stall=10))
    rig.window.watch(1000)
    assert rig.failures == []


async def test_a_completion_is_progress() -> None:
    rig = Rig(WindowLimits(stall=10))
    await rig.admit(P0, 0, 1)
    rig.window.watch(9)
    await rig.jobs.finish(P0, 1)
    rig.window.watch(9)
    assert rig.failures == []
    await rig.window.close(0)


async def waiting_work(window: InFlight) -> None:
    with window.waiting():
        await asyncio.sleep(3600)


async def test_what_waits_on_purpose_is_no_stall() -> None:
    rig = Rig(WindowLimits(stall=10))
    await rig.window.admit(Delivery(P0, 0, ("k",)), lambda: waiting_work(rig.window), is_current=lambda: True)
    await settled()
    rig.window.watch(1000)
    assert rig.failures == []
    await rig.window.close(0)


async def test_a_call_stuck_in_itself_is_not_quieted_by_the_waiting_of_others() -> None:
    rig = Rig(WindowLimits(stall=10))
    await rig.window.admit(Delivery(P0, 0, ("k",)), lambda: waiting_work(rig.window), is_current=lambda: True)
    await rig.admit(P0, 1)
    rig.window.watch(11)
    assert [type(failure) for failure in rig.failures] == [Stalled]
    await rig.window.close(0)


async def test_statistics_say_how_full_the_window_is(rig: Rig) -> None:
    await rig.admit(P0, 5, 6, 9)
    await rig.jobs.finish(P0, 6)
    statistics = rig.window.statistics()
    assert (statistics.running, statistics.unfinished) == (2, 3)
    assert statistics.spans == {P0: 5}


async def test_a_message_of_several_keys_waits_for_all_of_them(rig: Rig) -> None:
    await rig.jobs.admit(P0, 0, "a")
    await rig.jobs.admit(P0, 1, "b")
    await rig.jobs.admit(P0, 2, "a", "b")
    await settled()
    assert rig.jobs.started == [(P0, 0), (P0, 1)]
    await rig.jobs.finish(P0, 0)
    assert (P0, 2) not in rig.jobs.started
    await rig.jobs.finish(P0, 1)
    assert (P0, 2) in rig.jobs.started


async def test_what_waits_behind_a_message_of_several_keys_starts_when_it_ends(rig: Rig) -> None:
    await rig.jobs.admit(P0, 0, "a", "b")
    await rig.jobs.admit(P0, 1, "a")
    await rig.jobs.admit(P0, 2, "b")
    await settled()
    assert rig.jobs.started == [(P0, 0)]
    await rig.jobs.finish(P0, 0)
    assert rig.jobs.started == [(P0, 0), (P0, 1), (P0, 2)]


async def test_what_several_keys_let_go_at_once_still_takes_a_slot_each() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.jobs.admit(P0, 0, "a", "b")
    await rig.jobs.admit(P0, 1, "a")
    await rig.jobs.admit(P0, 2, "b")
    await settled()
    await rig.jobs.finish(P0, 0)
    assert rig.jobs.started == [(P0, 0), (P0, 1)]
    await rig.jobs.finish(P0, 1)
    assert rig.jobs.started == [(P0, 0), (P0, 1), (P0, 2)]
    await rig.window.close(0)


async def test_the_background_waits_while_anything_else_waits_for_a_slot() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.admit(P0, 0)
    behind = asyncio.create_task(rig.jobs.admit(P1, 0, urgency=Urgency.BACKGROUND))
    await settled()
    live = asyncio.create_task(rig.jobs.admit(P0, 1))
    await settled()
    await rig.jobs.finish(P0, 0)
    assert rig.jobs.started == [(P0, 0), (P0, 1)]
    assert await live
    await rig.jobs.finish(P0, 1)
    assert await behind
    await settled()
    assert rig.jobs.started[-1] == (P1, 0)
    await rig.window.close(0)


async def test_the_background_takes_its_share_of_the_slots_and_no_more() -> None:
    rig = Rig(WindowLimits(concurrency=4, background=1))
    assert await rig.jobs.admit(P1, 0, urgency=Urgency.BACKGROUND)
    second = asyncio.create_task(rig.jobs.admit(P1, 1, urgency=Urgency.BACKGROUND))
    await settled()
    assert rig.jobs.started == [(P1, 0)]
    await rig.admit(P0, 0)
    await rig.jobs.finish(P1, 0)
    assert await second
    await rig.window.close(0)


async def in_background(rig: Rig, *offsets: int) -> list[asyncio.Task[bool]]:
    """Admissions of the background, of which some may wait."""
    waiting = [asyncio.create_task(rig.jobs.admit(P1, each, urgency=Urgency.BACKGROUND)) for each in offsets]
    await settled()
    return waiting


@pytest.mark.parametrize("is_over", [False, True], ids=["runs", "is over"])
async def test_beside_an_upload_the_background_has_fewer_slots(*, is_over: bool) -> None:
    rig = Rig(WindowLimits(background=4, beside_uploads=2))
    await rig.admit(P0, 0)
    if is_over:
        await rig.jobs.finish(P0, 0)
    await in_background(rig, 0, 1, 2)
    assert rig.jobs.started == [(P0, 0), (P1, 0), (P1, 1)]
    await rig.window.close(0)


async def test_two_seconds_after_an_upload_the_background_has_all_its_slots() -> None:
    rig = Rig(WindowLimits(background=3, beside_uploads=1))
    await rig.admit(P0, 0)
    rig.window.watch(1)
    await rig.jobs.finish(P0, 0)
    await in_background(rig, 0, 1, 2, 3)
    rig.window.watch(1)
    await settled()
    assert rig.jobs.started[1:] == [(P1, 0)]
    rig.window.watch(1)
    await settled()
    assert rig.jobs.started[1:] == [(P1, 0), (P1, 1), (P1, 2)]
    await rig.window.close(0)


@pytest.mark.parametrize(("processors", "slots"), [(1, 1), (2, 1), (4, 2), (16, 8), (96, 8)])
def test_beside_uploads_the_background_has_as_many_slots_as_half_the_processors(
    processors: int, slots: int
) -> None:
    assert beside_uploads(processors) == slots


async def test_a_decision_takes_no_slot_from_the_background() -> None:
    rig = Rig(WindowLimits(background=2, beside_uploads=1))
    await rig.jobs.admit(P0, 0, urgency=Urgency.URGENT)
    await in_background(rig, 0, 1)
    assert rig.jobs.started == [(P0, 0), (P1, 0), (P1, 1)]
    await rig.window.close(0)


async def test_live_work_that_waits_for_its_span_does_not_hold_up_the_background() -> None:
    rig = Rig(WindowLimits(concurrency=4, span=1))
    await rig.admit(P0, 0)
    live = asyncio.create_task(rig.jobs.admit(P0, 1))
    await settled()
    assert await asyncio.wait_for(rig.jobs.admit(P1, 0, urgency=Urgency.BACKGROUND), 5)
    await rig.window.close(0)
    assert not await live


async def test_the_age_of_the_oldest_unfinished_message_is_told(rig: Rig) -> None:
    await rig.admit(P0, 0)
    rig.window.watch(3)
    await rig.admit(P1, 0)
    rig.window.watch(2)
    assert rig.window.statistics().oldest_age == 5
    await rig.jobs.finish(P0, 0)
    assert rig.window.statistics().oldest_age == 2
    await rig.jobs.finish(P1, 0)
    assert rig.window.statistics().oldest_age == 0


async def test_what_is_urgent_has_slots_of_its_own() -> None:
    rig = Rig(WindowLimits(concurrency=1, reserve=1))
    await rig.admit(P0, 0)
    assert await rig.jobs.admit(P1, 0, urgency=Urgency.URGENT)
    await settled()
    assert rig.jobs.started == [(P0, 0), (P1, 0)]
    second = asyncio.create_task(rig.jobs.admit(P1, 1, urgency=Urgency.URGENT))
    await settled()
    assert len(rig.jobs.started) == 2
    await rig.jobs.finish(P1, 0)
    assert await second
    await rig.window.close(0)


async def test_what_is_urgent_keeps_the_order_of_its_key_all_the_same() -> None:
    rig = Rig(WindowLimits(concurrency=1, reserve=1))
    await rig.jobs.admit(P0, 0, "img")
    await rig.jobs.admit(P1, 0, "img", urgency=Urgency.URGENT)
    await settled()
    assert rig.jobs.started == [(P0, 0)]
    await rig.jobs.finish(P0, 0)
    assert rig.jobs.started == [(P0, 0), (P1, 0)]
    await rig.window.close(0)


async def test_a_message_behind_one_of_its_keys_takes_no_slot() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.jobs.admit(P0, 0, "a")
    assert await asyncio.wait_for(rig.jobs.admit(P0, 1, "a", "b"), 5)
    await rig.window.close(0)


async def test_a_key_whose_work_has_ended_waits_for_a_slot_like_any_other() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.admit(P0, 0, key="a")
    await rig.jobs.finish(P0, 0)
    await rig.admit(P0, 1, key="b")
    again = asyncio.create_task(rig.jobs.admit(P0, 2, "a"))
    await settled()
    assert not again.done()
    await rig.jobs.finish(P0, 1)
    assert await again
    await rig.window.close(0)


@pytest.mark.parametrize("ended", ["answered", "refused"])
async def test_work_that_waited_on_purpose_may_be_stuck_later(ended: str) -> None:
    rig = Rig(WindowLimits(stall=10))

    async def work() -> None:
        with contextlib.suppress(ConnectionError), rig.window.waiting():
            if ended == "refused":
                raise ConnectionError
        await asyncio.sleep(3600)

    await rig.window.admit(Delivery(P0, 0, ("k",)), work, is_current=lambda: True)
    await settled()
    rig.window.watch(11)
    assert [type(failure) for failure in rig.failures] == [Stalled]
    await rig.window.close(0)


async def test_two_in_the_background_do_not_stand_back_for_each_other() -> None:
    rig = Rig(WindowLimits(concurrency=1))
    await rig.admit(P0, 0)
    waiting = [
        asyncio.create_task(rig.jobs.admit(partition, 1, urgency=Urgency.BACKGROUND))
        for partition in (P0, P1)
    ]
    await settled()
    await rig.jobs.finish(P0, 0)
    assert [task.done() for task in waiting].count(True) == 1
    await rig.window.close(0)
    await asyncio.wait(waiting)


async def test_what_is_urgent_overtakes_what_several_keys_let_go_at_once() -> None:
    rig = Rig(WindowLimits(concurrency=2, reserve=1))
    for offset, keys in enumerate(("ab", "c", "a", "b")):
        assert await rig.jobs.admit(P0, offset, *keys)
    await settled()
    await rig.jobs.finish(P0, 0)  # the slots are taken now, and one of the two behind it has none
    assert await rig.jobs.admit(P1, 0, urgency=Urgency.URGENT)
    await settled()
    assert rig.jobs.started == [(P0, 0), (P0, 1), (P0, 2), (P1, 0)]
    await rig.window.close(0)


async def test_what_is_urgent_waits_where_its_own_slots_are_taken_too() -> None:
    rig = Rig(WindowLimits(concurrency=1, reserve=1))
    await rig.admit(P0, 0)
    assert await rig.jobs.admit(P1, 0, urgency=Urgency.URGENT)
    third = asyncio.create_task(rig.jobs.admit(P1, 1, urgency=Urgency.URGENT))
    await settled()
    assert not third.done()
    await rig.jobs.finish(P1, 0)
    assert await third
    await rig.window.close(0)


async def test_what_was_never_started_is_forgotten_at_a_revocation() -> None:
    rig = Rig(WindowLimits(concurrency=2))
    for offset, keys in enumerate(("ab", "c", "a", "b", "c")):
        assert await rig.jobs.admit(P0, offset, *keys)
    await settled()
    await rig.jobs.finish(P0, 0)  # of those behind it one runs and one waits for a slot
    assert not await rig.window.revoke(0)
    await settled()
    assert rig.jobs.started == [(P0, 0), (P0, 1), (P0, 2)]
    assert rig.window.statistics().running == 0


class SlowConsumer(FakeConsumer):
    """Takes a commit when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_open = asyncio.Event()

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        self.asked += 1
        await self.is_open.wait()
        return await super().commit(offsets)


async def committing() -> tuple[Rig, SlowConsumer, asyncio.Task[bool]]:
    """The first of two messages has ended, and its commit is under way."""
    rig, consumer = Rig(), SlowConsumer()
    rig.window = InFlight(WindowLimits(), commit=consumer.commit, on_failure=rig.failures.append)
    rig.jobs = Jobs(rig.window)
    await rig.admit(P0, 0, 1)
    await rig.jobs.finish(P0, 0)
    first = asyncio.create_task(rig.window.commit())
    await settled()
    return rig, consumer, first


async def test_what_ends_while_a_commit_is_under_way_is_committed_by_the_next() -> None:
    rig, consumer, first = await committing()
    await rig.jobs.finish(P0, 1)
    consumer.is_open.set()
    assert await first
    assert await rig.window.commit()
    assert consumer.commits == [{P0: 1}, {P0: 2}]


async def test_no_commit_overtakes_another() -> None:
    rig, consumer, first = await committing()
    await rig.jobs.finish(P0, 1)
    second = asyncio.create_task(rig.window.commit())
    await settled()
    assert consumer.asked == 1
    consumer.is_open.set()
    assert await first
    assert await second


async def test_a_window_that_has_failed_admits_nothing_after_a_revocation_either(rig: Rig) -> None:
    await rig.admit(P0, 0)
    await rig.jobs.fail(P0, 0, RuntimeError("a bug"))
    await rig.window.revoke(0)
    assert not await rig.jobs.admit(P0, 1)
