"""How the batcher ends: an orderly close, a hung device, a dead loop."""

# ruff: noqa: PT012  a dead batcher raises when it closes, so the whole `async with` is what raises

import asyncio
import threading

import pytest

from model.clock import ManualClock
from model.serving.batcher import BatchLimits
from model.testing import BlockingForward, GoodForward, batcher_over, running, settle
from schemas.errors import BatcherDead


class BrokenClock(ManualClock):
    """Its sleep fails, as a bug in the loop would."""

    async def sleep(self, seconds: float) -> None:
        raise ArithmeticError(f"cannot sleep {seconds}")


async def test_close_answers_what_was_accepted_and_refuses_who_stands_at_the_door() -> None:
    forward = BlockingForward()
    async with batcher_over(forward, BatchLimits(max_size=1, intake=2)) as batcher:
        waiters = [asyncio.create_task(batcher.score(item)) for item in range(4)]
        await forward.blocked()
        asyncio.get_running_loop().call_soon(forward.free)
    assert [waiter.result().result for waiter in waiters[:2]] == ["scored 0", "scored 1"]
    for waiter in waiters[2:]:
        assert isinstance(waiter.exception(), BatcherDead)
    assert not batcher.dead


async def test_close_does_not_linger() -> None:
    forward = GoodForward()
    async with batcher_over(forward, BatchLimits(linger=60.0)) as batcher:
        waiter = asyncio.create_task(batcher.score(0))
        await settle()
    assert (await waiter).result == "scored 0"


async def test_close_ends_the_device_thread() -> None:
    before = threading.active_count()
    async with running(GoodForward()) as batcher:
        await batcher.score(0)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


async def test_score_before_opening_or_after_closing_is_refused_at_once() -> None:
    batcher = batcher_over(GoodForward())
    with pytest.raises(BatcherDead):
        await batcher.score(0)
    async with batcher:
        await batcher.score(0)
    with pytest.raises(BatcherDead):
        await batcher.score(0)


async def test_orderly_close_is_no_death() -> None:
    async with running(GoodForward()) as batcher:
        death = asyncio.create_task(batcher.died())
    await settle()
    assert not death.done()
    death.cancel()


async def test_hung_forward_does_not_hang_the_close() -> None:
    clock, forward = ManualClock(), BlockingForward()
    batcher = batcher_over(forward, BatchLimits(max_size=1, close_within=5.0), clock=clock)
    await batcher.__aenter__()
    waiters = [asyncio.create_task(batcher.score(item)) for item in range(3)]
    await forward.blocked()
    closing = asyncio.create_task(batcher.__aexit__(None, None, None))
    await settle()
    clock.advance(4.0)
    await settle()
    assert not closing.done()
    clock.advance(1.0)
    with pytest.raises(BatcherDead, match="Closing had to end"):
        await closing
    for waiter in waiters:
        assert isinstance(waiter.exception(), BatcherDead)
    forward.free()


async def test_forward_that_ends_after_the_close_gave_up_disturbs_nobody() -> None:
    clock, forward = ManualClock(), BlockingForward()
    with pytest.raises(BatcherDead):
        async with batcher_over(forward, clock=clock) as batcher:
            waiter = asyncio.create_task(batcher.score(0))
            await forward.blocked()
            asyncio.get_running_loop().call_soon(clock.advance, 1000.0)
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, clock.advance, 1000.0)
    forward.free()
    while not batcher.statistics().device.items:
        await settle()
    assert isinstance(waiter.exception(), BatcherDead)


async def test_cancelled_close_tells_every_waiter() -> None:
    forward = BlockingForward()
    batcher = batcher_over(forward)
    await batcher.__aenter__()
    waiter = asyncio.create_task(batcher.score(0))
    await forward.blocked()
    closing = asyncio.create_task(batcher.__aexit__(None, None, None))
    await settle()
    closing.cancel()
    await asyncio.wait([closing, waiter])
    assert closing.cancelled()
    assert isinstance(waiter.exception(), BatcherDead)
    forward.free()


async def test_dead_loop_fails_every_waiter_and_tells_why() -> None:
    batcher = batcher_over(GoodForward(), BatchLimits(linger=1.0), clock=BrokenClock())
    with pytest.raises(BatcherDead):
        async with batcher:
            outcomes = await asyncio.gather(batcher.score(0), batcher.score(1), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, BatcherDead)
        assert isinstance(outcome.__cause__, ArithmeticError)


async def test_dead_loop_refuses_later_callers_at_once() -> None:
    batcher = batcher_over(GoodForward(), BatchLimits(linger=1.0), clock=BrokenClock())
    with pytest.raises(BatcherDead):
        async with batcher:
            with pytest.raises(BatcherDead):
                await batcher.score(0)
            with pytest.raises(BatcherDead) as refused:
                await batcher.score(1)
            assert isinstance(refused.value.__cause__, ArithmeticError)


async def test_dead_loop_reaches_its_owner() -> None:
    batcher = batcher_over(GoodForward(), BatchLimits(linger=1.0), clock=BrokenClock())
    with pytest.raises(BatcherDead):
        async with batcher:
            owner = asyncio.create_task(batcher.died())
            await asyncio.wait([asyncio.create_task(batcher.score(0)), owner])
            assert isinstance(await owner, ArithmeticError)
            assert isinstance(await batcher.died(), ArithmeticError)


async def test_death_does_not_hide_the_error_that_ends_the_body() -> None:
    batcher = batcher_over(GoodForward(), BatchLimits(linger=1.0), clock=BrokenClock())
    with pytest.raises(LookupError):
        async with batcher:
            await asyncio.wait([asyncio.create_task(batcher.score(0))])
            raise LookupError


async def test_loop_that_is_cancelled_from_outside_tells_every_waiter() -> None:
    forward = BlockingForward()
    batcher = batcher_over(forward, BatchLimits(max_size=1, intake=2))
    with pytest.raises(BatcherDead):
        async with batcher:
            waiters = [asyncio.create_task(batcher.score(item)) for item in range(4)]
            await forward.blocked()
            await settle()
            (loop,) = (task for task in asyncio.all_tasks() if task.get_name() == "micro-batcher")
            loop.cancel()
            await asyncio.wait(waiters)
            assert all(isinstance(waiter.exception(), BatcherDead) for waiter in waiters)
            forward.free()
