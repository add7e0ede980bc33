"""How batches are collected: size, linger, prefetch, intake, order, cancellation, timings."""

import asyncio

import pytest

from model.clock import ManualClock
from model.serving.batcher import BatchLimits, Scored
from model.testing import BlockingForward, GoodForward, running, settle
from schemas.errors import ConfigurationError


async def test_each_caller_gets_the_result_of_its_own_item() -> None:
    async with running(GoodForward()) as batcher:
        scored = await asyncio.gather(*(batcher.score(item) for item in range(100)))
    assert [one.result for one in scored] == [f"scored {item}" for item in range(100)]


async def test_idle_device_takes_what_is_there() -> None:
    forward = GoodForward()
    async with running(forward) as batcher:
        await asyncio.gather(*(batcher.score(item) for item in range(5)))
        await batcher.score(5)
    assert forward.batches == [[0, 1, 2, 3, 4], [5]]


async def test_batch_never_exceeds_the_maximum_size() -> None:
    forward = GoodForward()
    async with running(forward, BatchLimits(max_size=4, intake=8)) as batcher:
        await asyncio.gather(*(batcher.score(item) for item in range(10)))
    assert forward.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_next_batch_is_collected_while_one_is_on_the_device() -> None:
    forward = BlockingForward()
    async with running(forward) as batcher, asyncio.TaskGroup() as callers:
        callers.create_task(batcher.score(0))
        await forward.blocked()
        for item in (1, 2, 3):
            callers.create_task(batcher.score(item))
            await settle()
        forward.free()
    assert forward.batches == [[0], [1, 2, 3]]


async def test_full_batch_starts_without_a_turn_of_the_event_loop() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=2, intake=4)) as batcher, asyncio.TaskGroup() as callers:
        for item in range(4):
            callers.create_task(batcher.score(item))
        await forward.blocked()
        await settle()
        forward.release()
        # No await here: the event loop stands still, and the device goes on all the same.
        while not forward.is_blocked:
            pass
        assert forward.batches == [[0, 1], [2, 3]]
        forward.free()


async def test_partial_batch_stays_open_until_the_device_is_idle() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=4, intake=8)) as batcher, asyncio.TaskGroup() as callers:
        callers.create_task(batcher.score(0))
        await forward.blocked()
        callers.create_task(batcher.score(1))
        await settle()
        assert batcher.statistics().waiting == 1
        callers.create_task(batcher.score(2))
        await settle()
        forward.release()
        await forward.blocked()
        assert forward.batches[1] == [1, 2]
        forward.free()


async def test_linger_is_counted_from_the_first_item() -> None:
    clock, forward = ManualClock(), GoodForward()
    async with running(forward, BatchLimits(linger=1.0), clock=clock) as batcher:
        first = asyncio.create_task(batcher.score(0))
        await settle()
        clock.advance(0.75)
        second = asyncio.create_task(batcher.score(1))
        await settle()
        assert forward.batches == []
        clock.advance(0.25)
        assert (await first).queued == 1.0
        assert (await second).queued == 0.25
    assert forward.batches == [[0, 1]]


async def test_full_batch_does_not_linger() -> None:
    forward = GoodForward()
    async with running(forward, BatchLimits(max_size=2, linger=1.0)) as batcher:
        await asyncio.gather(batcher.score(0), batcher.score(1))
    assert forward.batches == [[0, 1]]


async def test_time_on_the_device_counts_as_linger() -> None:
    clock, forward = ManualClock(), BlockingForward()
    limits = BatchLimits(max_size=2, linger=1.0)
    async with running(forward, limits, clock=clock) as batcher, asyncio.TaskGroup() as callers:
        for item in (0, 1, 2):
            callers.create_task(batcher.score(item))
        await forward.blocked()
        clock.advance(1.0)
        forward.release()
        await forward.blocked()
        assert forward.batches == [[0, 1], [2]]
        forward.free()


async def test_linger_starts_anew_when_the_first_item_is_cancelled() -> None:
    clock, forward = ManualClock(), GoodForward()
    async with running(forward, BatchLimits(linger=1.0), clock=clock) as batcher:
        first = asyncio.create_task(batcher.score(0))
        await settle()
        clock.advance(0.5)
        second = asyncio.create_task(batcher.score(1))
        await settle()
        first.cancel()
        await settle()
        clock.advance(0.5)
        await settle()
        assert forward.batches == []
        clock.advance(0.5)
        assert (await second).queued == 1.0


async def test_no_alarm_outlives_its_linger() -> None:
    clock = ManualClock()
    async with running(GoodForward(), BatchLimits(max_size=2, linger=1.0), clock=clock) as batcher:
        await asyncio.gather(batcher.score(0), batcher.score(1))
        await settle()
        assert clock.sleepers == 0
    assert clock.sleepers == 0


async def test_score_waits_in_order_while_the_intake_is_full() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=1, intake=2)) as batcher, asyncio.TaskGroup() as callers:
        for item in range(5):
            callers.create_task(batcher.score(item))
        await forward.blocked()
        await settle()
        now = batcher.statistics()
        assert (now.in_forward, now.waiting, now.held_back) == (1, 1, 3)
        forward.free()
    assert forward.batches == [[0], [1], [2], [3], [4]]


async def test_newcomer_does_not_pass_those_at_the_door() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=1, intake=1)) as batcher, asyncio.TaskGroup() as callers:
        callers.create_task(batcher.score(0))
        callers.create_task(batcher.score(1))
        await forward.blocked()
        forward.release()
        callers.create_task(batcher.score(2))
        await settle()
        forward.free()
    assert forward.batches == [[0], [1], [2]]


async def test_waiter_cancelled_in_the_queue_is_dropped_before_the_forward() -> None:
    forward = BlockingForward()
    async with running(forward) as batcher, asyncio.TaskGroup() as callers:
        waiters = [callers.create_task(batcher.score(0))]
        await forward.blocked()
        waiters += [callers.create_task(batcher.score(item)) for item in (1, 2, 3)]
        await settle()
        waiters[2].cancel()
        forward.free()
    assert forward.batches == [[0], [1, 3]]
    assert batcher.statistics().dropped == 1


async def test_waiter_cancelled_in_a_staged_batch_is_dropped_before_the_forward() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=2, intake=4)) as batcher, asyncio.TaskGroup() as callers:
        waiters = [callers.create_task(batcher.score(item)) for item in range(4)]
        await forward.blocked()
        await settle()
        waiters[2].cancel()
        forward.free()
    assert forward.batches == [[0, 1], [3]]
    assert batcher.statistics().dropped == 1


async def test_batch_whose_waiters_all_left_is_not_forwarded() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=2, intake=4)) as batcher, asyncio.TaskGroup() as callers:
        waiters = [callers.create_task(batcher.score(item)) for item in range(4)]
        await forward.blocked()
        await settle()
        for waiter in waiters[2:]:
            waiter.cancel()
        forward.free()
    assert forward.batches == [[0, 1]]
    assert batcher.statistics().waiting == 0


async def test_waiter_cancelled_at_the_door_leaves_its_neighbours_in_order() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=1, intake=1)) as batcher, asyncio.TaskGroup() as callers:
        waiters = [callers.create_task(batcher.score(item)) for item in range(4)]
        await forward.blocked()
        waiters[2].cancel()
        await settle()
        assert batcher.statistics().held_back == 2
        forward.free()
    assert forward.batches == [[0], [1], [3]]


async def test_waiter_cancelled_in_the_queue_gives_its_slot_to_the_door_at_once() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=2, intake=2)) as batcher, asyncio.TaskGroup() as callers:
        callers.create_task(batcher.score(0))
        await forward.blocked()
        waiters = [callers.create_task(batcher.score(item)) for item in (1, 2)]
        await settle()
        assert batcher.statistics().held_back == 1
        waiters[0].cancel()
        await settle()
        assert (batcher.statistics().held_back, batcher.statistics().waiting) == (0, 1)
        forward.free()
    assert forward.batches == [[0], [2]]


async def test_waiter_cancelled_in_the_forward_keeps_its_slot_until_the_landing() -> None:
    forward = BlockingForward()
    async with running(forward, BatchLimits(max_size=2, intake=2)) as batcher, asyncio.TaskGroup() as callers:
        waiters = [callers.create_task(batcher.score(item)) for item in range(3)]
        await forward.blocked()
        waiters[0].cancel()
        await settle()
        assert (batcher.statistics().in_forward, batcher.statistics().held_back) == (2, 1)
        forward.free()
        assert (await waiters[1]).result == "scored 1"
        assert (await waiters[2]).result == "scored 2"


async def test_cancellation_in_the_moment_of_the_answer_leaks_nothing() -> None:
    async with running(GoodForward(), BatchLimits(max_size=1, intake=1)) as batcher:
        waiter = asyncio.create_task(batcher.score(0))
        while not batcher.statistics().device.items:
            await settle()
        waiter.cancel()
        await asyncio.wait([waiter])
        assert (await batcher.score(1)).result == "scored 1"


async def test_each_result_carries_its_own_timings() -> None:
    clock, forward = ManualClock(), BlockingForward()
    async with running(forward, clock=clock) as batcher, asyncio.TaskGroup() as callers:
        first = callers.create_task(batcher.score(0))
        await forward.blocked()
        others = [callers.create_task(batcher.score(item)) for item in (1, 2)]
        await settle()
        clock.advance(2.0)
        forward.release()
        await forward.blocked()
        clock.advance(3.0)
        forward.release()
        assert await first == Scored("scored 0", queued=0.0, forward=2.0, batch_size=1)
        assert await others[1] == Scored("scored 2", queued=2.0, forward=3.0, batch_size=2)


async def test_time_at_the_door_is_not_counted_as_queued() -> None:
    clock, forward = ManualClock(), BlockingForward()
    limits = BatchLimits(max_size=1, intake=1)
    async with running(forward, limits, clock=clock) as batcher, asyncio.TaskGroup() as callers:
        callers.create_task(batcher.score(0))
        late = callers.create_task(batcher.score(1))
        await forward.blocked()
        clock.advance(5.0)
        forward.free()
        assert (await late).queued == 0.0


async def test_statistics_count_batches_by_size() -> None:
    async with running(GoodForward(), BatchLimits(max_size=3)) as batcher:
        await asyncio.gather(*(batcher.score(item) for item in range(7)))
        device = batcher.statistics().device
    assert device.sizes == [0, 1, 0, 2]
    assert (device.batches, device.items, device.probes) == (3, 7, 0)


async def test_copied_statistics_do_not_change_any_more() -> None:
    async with running(GoodForward()) as batcher:
        before = batcher.statistics()
        await batcher.score(0)
    assert before.device.items == 0


@pytest.mark.parametrize(
    "wrong",
    [{"max_size": 0}, {"linger": -1.0}, {"intake": 31}, {"grow_after": -1}, {"close_within": 0.0}],
)
def test_impossible_limit_is_a_configuration_error_that_names_it(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        BatchLimits(**wrong)  # type: ignore[arg-type]
