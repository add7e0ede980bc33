"""The background has the device when nobody else wants it, and a little of it when somebody always does."""

from __future__ import annotations

import asyncio

from model.clock import ManualClock
from model.serving.batcher import FLOOR, YIELD_SECONDS, BatchLimits, MicroBatcher
from model.testing import BlockingForward, GoodForward, running, settle

LIMITS = BatchLimits(max_size=8, intake=8)
"""So that two of the background go together."""


def ask(
    batcher: MicroBatcher[object, str], callers: asyncio.TaskGroup, *items: object, background: bool = False
) -> None:
    for item in items:
        callers.create_task(batcher.score(item, is_background=background))


async def test_an_idle_device_takes_the_background_in_quarters_of_batches() -> None:
    forward = GoodForward()
    async with running(forward, LIMITS) as batcher, asyncio.TaskGroup() as callers:
        ask(batcher, callers, *"abcde", background=True)
    assert forward.batches == [["a", "b"], ["c", "d"], ["e"]]


async def test_who_comes_later_goes_before_the_background_that_waits() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher, asyncio.TaskGroup() as callers:
        ask(batcher, callers, *"abcd", background=True)
        await forward.blocked()
        ask(batcher, callers, 1, 2, 3)
        await settle()
        forward.free()
    assert forward.batches == [["a", "b"], [1, 2, 3], ["c", "d"]]


async def test_a_full_batch_is_staged_behind_the_background_and_the_background_behind_nobody() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher, asyncio.TaskGroup() as callers:
        ask(batcher, callers, *"abcdef", background=True)
        await forward.blocked()
        ask(batcher, callers, *range(8))
        await settle()
        assert batcher.statistics().waiting == 4 + 8
        forward.free()
    assert forward.batches == [["a", "b"], [*range(8)], ["c", "d"], ["e", "f"]]


async def test_one_batch_in_so_many_is_the_background_s_where_somebody_always_waits() -> None:
    forward = BlockingForward()
    limits = BatchLimits(max_size=1, intake=4 * FLOOR)
    async with running(forward, limits) as batcher, asyncio.TaskGroup() as callers:
        ask(batcher, callers, 0)
        await forward.blocked()
        ask(batcher, callers, "background", background=True)
        ask(batcher, callers, *range(1, 3 * FLOOR))
        await settle()
        forward.free()
    place = forward.batches.index(["background"])
    assert FLOOR - 1 <= place <= FLOOR + 2  # one runs and one is staged when it comes


async def test_the_background_does_not_fill_the_intake() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher, asyncio.TaskGroup() as callers:
        ask(batcher, callers, *range(100, 120), background=True)
        await forward.blocked()
        ask(batcher, callers, *range(8))
        await settle()
        assert batcher.statistics().held_back == 0
        forward.free()


async def test_who_gives_up_in_the_background_is_not_forwarded() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher:
        first = asyncio.create_task(batcher.score("a", is_background=True))
        await forward.blocked()
        second = asyncio.create_task(batcher.score("b", is_background=True))
        await settle()
        second.cancel()
        await settle()
        forward.free()
        await first
        assert batcher.statistics().dropped == 1
    assert forward.batches == [["a"]]


async def test_it_stands_back_while_another_batcher_is_busy_and_goes_on_then() -> None:
    clock, forward, busy = ManualClock(), GoodForward(), True
    async with running(forward, LIMITS, clock=clock) as batcher:
        batcher.yield_to(lambda: busy)
        batcher._turn_ended, batcher._turn_took = clock.time(), 1.0
        task = asyncio.create_task(batcher.score("a", is_background=True))
        await settle()
        assert forward.batches == []
        busy = False
        clock.advance(YIELD_SECONDS)
        assert (await task).result == "scored a"


async def test_it_stands_back_for_so_many_of_its_turns_and_no_longer() -> None:
    clock, forward = ManualClock(), GoodForward()
    async with running(forward, LIMITS, clock=clock) as batcher:
        batcher.yield_to(lambda: True)
        batcher._turn_ended, batcher._turn_took = clock.time(), 1.0
        task = asyncio.create_task(batcher.score("a", is_background=True))
        await settle()
        clock.advance(FLOOR - 1.0)
        await settle()
        assert forward.batches == []
        clock.advance(1.0)
        await settle()
        clock.advance(YIELD_SECONDS)
        assert (await task).result == "scored a"


async def test_what_waits_in_the_background_is_answered_when_the_batcher_closes() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher:
        batcher.yield_to(lambda: True)
        tasks = [asyncio.create_task(batcher.score(item, is_background=True)) for item in "abcdef"]
        await forward.blocked()
        forward.free()
    assert [(await task).result for task in tasks] == [f"scored {item}" for item in "abcdef"]


async def test_who_else_wants_the_device_is_busy_and_the_background_is_not() -> None:
    forward = BlockingForward()
    async with running(forward, LIMITS) as batcher:
        first = asyncio.create_task(batcher.score("a", is_background=True))
        await forward.blocked()
        assert not batcher.is_busy
        second = asyncio.create_task(batcher.score(1))
        await settle()
        assert batcher.is_busy
        forward.free()
        await asyncio.gather(first, second)
        assert not batcher.is_busy
