"""What a failing forward does: bisection, probe, out of memory, a broken device."""

# ruff: noqa: PT012  a dead batcher raises when it closes, so the whole `async with` is what raises

import asyncio

import pytest

from model.serving.batcher import BatchLimits, MicroBatcher, Scored
from model.testing import (
    BlockingForward,
    BreakingForward,
    FailingForward,
    GoodForward,
    HungryForward,
    MiscountingForward,
    OnceFailingForward,
    OutOfDeviceMemory,
    RaisingForward,
    batcher_over,
    running,
    settle,
)
from schemas.errors import BatcherDead, Broken, DeviceBroken, Stage, Undecodable, Unforeseen

Outcome = Scored[str] | BaseException
SMALL = BatchLimits(max_size=8, intake=16)


async def score_all(batcher: MicroBatcher[object, str], items: range) -> list[Outcome]:
    return await asyncio.gather(*(batcher.score(item) for item in items), return_exceptions=True)


def failed(outcomes: list[Outcome]) -> list[int]:
    return [index for index, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)]


@pytest.mark.parametrize("culprits", [{0}, {7}, {3, 4}, {0, 2, 5, 7}, set(range(8))])
async def test_failing_batch_is_bisected_so_that_only_the_culprits_fail(culprits: set[int]) -> None:
    async with running(FailingForward(culprits), SMALL) as batcher:
        outcomes = await score_all(batcher, range(8))
        assert batcher.statistics().device.bad_items == len(culprits)
    assert failed(outcomes) == sorted(culprits)
    for index, outcome in enumerate(outcomes):
        assert isinstance(outcome, Unforeseen if index in culprits else Scored)
        assert f"score {index}" in str(outcome) or f"scored {index}" in str(outcome)


async def test_culprit_gets_its_own_error_with_stage_and_trace() -> None:
    async with running(FailingForward({1, 2}), SMALL) as batcher:
        outcomes = await score_all(batcher, range(4))
    error = outcomes[2]
    assert isinstance(error, Unforeseen)
    assert str(error) == "ValueError: cannot score 2"
    assert error.stage is Stage.FORWARD
    assert "fail_if_due" in error.trace


async def test_error_of_a_culprit_holds_no_frame_of_the_forward() -> None:
    async with running(FailingForward({0})) as batcher:
        (error,) = await score_all(batcher, range(1))
    assert isinstance(error, Unforeseen)
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_forward_that_rejects_an_item_in_so_many_words_is_quoted() -> None:
    async with running(RaisingForward(Undecodable("half a JPEG"))) as batcher:
        with pytest.raises(Undecodable, match="half a JPEG"):
            await batcher.score(0)


async def test_batcher_goes_on_after_a_culprit() -> None:
    async with running(FailingForward({0})) as batcher:
        with pytest.raises(Unforeseen):
            await batcher.score(0)
        assert (await batcher.score(1)).result == "scored 1"
        assert not batcher.dead


async def test_lone_item_is_tried_again_after_the_probe_before_it_is_condemned() -> None:
    forward = OnceFailingForward()
    async with running(forward) as batcher:
        assert (await batcher.score(0)).result == "scored 0"
    assert forward.batches == [[0], [0]]
    assert forward.probes == 1


async def test_failing_batch_costs_two_probes_at_most() -> None:
    forward = FailingForward({1, 2, 6})
    async with running(forward, SMALL) as batcher:
        await score_all(batcher, range(8))
        assert batcher.statistics().device.probes == 2
    assert forward.probes == 2


async def test_waiter_cancelled_during_the_bisection_is_not_forwarded_again() -> None:
    forward = BlockingForward(FailingForward({0}))
    async with running(forward, SMALL) as batcher:
        waiters = [asyncio.create_task(batcher.score(item)) for item in range(4)]
        await forward.blocked()
        waiters[3].cancel()
        await settle()
        forward.free()
        assert failed(await asyncio.gather(*waiters, return_exceptions=True)) == [0, 3]
    assert [3 in batch for batch in forward.batches] == [True, False, False, False, False]


async def test_result_of_a_bisected_batch_tells_the_forward_that_answered_it() -> None:
    async with running(FailingForward({0}), SMALL) as batcher:
        outcomes = await score_all(batcher, range(4))
    last = outcomes[3]
    assert isinstance(last, Scored)
    assert last.batch_size == 2


async def test_out_of_memory_halves_the_batch_and_rejects_nobody() -> None:
    forward = HungryForward(fits=2)
    async with running(forward, SMALL) as batcher:
        outcomes = await score_all(batcher, range(8))
        device = batcher.statistics().device
    assert failed(outcomes) == []
    assert [len(batch) for batch in forward.batches] == [8, 4, 2, 2, 2, 2]
    assert (device.out_of_memory, device.probes, device.bad_items) == (2, 0, 0)


async def test_out_of_memory_lowers_the_size_of_later_batches_visibly() -> None:
    forward = HungryForward(fits=4)
    async with running(forward, SMALL) as batcher:
        await score_all(batcher, range(8))
        assert batcher.statistics().ceiling == 4
        await score_all(batcher, range(8))
    assert [len(batch) for batch in forward.batches] == [8, 4, 4, 4, 4]


async def test_batch_staged_before_an_out_of_memory_is_split_to_the_new_ceiling() -> None:
    forward = BlockingForward(HungryForward(fits=2))
    async with running(forward, BatchLimits(max_size=4, intake=8)) as batcher:
        waiting = asyncio.create_task(score_all(batcher, range(8)))
        await forward.blocked()
        await settle()
        forward.free()
        assert failed(await waiting) == []
    assert [len(batch) for batch in forward.batches] == [4, 2, 2, 2, 2]


async def test_lowered_ceiling_grows_back_by_one_after_so_many_full_batches() -> None:
    forward = HungryForward(fits=1)
    async with running(forward, BatchLimits(max_size=4, intake=8, grow_after=2)) as batcher:
        await score_all(batcher, range(2))
        assert batcher.statistics().ceiling == 2
        forward.fits = 4
        await score_all(batcher, range(4))
        assert batcher.statistics().ceiling == 3
        await score_all(batcher, range(12))
        assert batcher.statistics().ceiling == 4


async def test_small_batches_do_not_raise_the_ceiling() -> None:
    forward = HungryForward(fits=2)
    async with running(forward, BatchLimits(max_size=4, grow_after=1)) as batcher:
        await score_all(batcher, range(4))
        raised = batcher.statistics().ceiling
        for item in range(10):
            await batcher.score(item)
        assert batcher.statistics().ceiling == raised


async def test_ceiling_stays_lowered_when_growing_is_off() -> None:
    async with running(HungryForward(fits=2), BatchLimits(max_size=4, grow_after=0)) as batcher:
        await score_all(batcher, range(40))
        assert batcher.statistics().ceiling == 2


async def test_single_item_that_runs_out_of_memory_on_a_good_device_is_rejected() -> None:
    forward = HungryForward(fits=8, hogs={5})
    async with running(forward, SMALL) as batcher:
        outcomes = await score_all(batcher, range(8))
    assert failed(outcomes) == [5]
    assert isinstance(outcomes[5], Unforeseen)
    assert forward.probes == 2


async def test_item_that_runs_out_of_memory_alone_does_not_lower_the_ceiling() -> None:
    async with running(HungryForward(fits=8, hogs={5}), SMALL) as batcher:
        await score_all(batcher, range(8))
        assert batcher.statistics().ceiling == 8


class NoMemoryAtAll(HungryForward):
    """Somebody else took the whole device: the golden image does not fit either."""

    def __init__(self) -> None:
        super().__init__(fits=0)

    def probe(self) -> None:
        raise OutOfDeviceMemory


async def test_single_item_that_runs_out_of_memory_with_the_golden_image_is_the_device() -> None:
    batcher = batcher_over(NoMemoryAtAll())
    with pytest.raises(DeviceBroken):
        async with batcher:
            await batcher.score(0)


async def test_failing_probe_is_the_device_and_every_waiter_is_told() -> None:
    forward = BlockingForward(BreakingForward(0))
    batcher = batcher_over(forward, BatchLimits(max_size=2, intake=5))
    with pytest.raises(DeviceBroken, match="golden image"):
        async with batcher:
            waiting = asyncio.create_task(score_all(batcher, range(8)))
            await forward.blocked()
            await settle()
            forward.free()
            outcomes = await waiting
    assert [type(outcome) for outcome in outcomes] == [DeviceBroken] * 8
    assert len({id(outcome) for outcome in outcomes}) == 8


async def test_broken_device_is_tried_once_and_never_again() -> None:
    inner = BreakingForward(0)
    forward = BlockingForward(inner)
    with pytest.raises(DeviceBroken):
        async with batcher_over(forward, BatchLimits(max_size=2, intake=4)) as batcher:
            waiting = asyncio.create_task(score_all(batcher, range(4)))
            await forward.blocked()
            await settle()
            forward.free()
            await waiting
    assert forward.batches == [[0, 1]]
    assert inner.probes == 1


async def test_death_of_the_device_is_reported_to_the_owner_and_counted() -> None:
    batcher = batcher_over(BreakingForward(0))
    with pytest.raises(DeviceBroken):
        async with batcher:
            with pytest.raises(DeviceBroken):
                await batcher.score(0)
            assert isinstance(await batcher.died(), DeviceBroken)
    assert batcher.dead
    assert batcher.statistics().device.probe_failures == 1
    assert batcher.statistics().device.bad_items == 0


@pytest.mark.parametrize("working_calls", range(1, 8))
async def test_device_that_breaks_during_the_bisection_condemns_nobody(working_calls: int) -> None:
    forward = BreakingForward(working_calls, culprits={0})
    with pytest.raises(DeviceBroken):
        async with batcher_over(forward, SMALL) as batcher:
            await score_all(batcher, range(8))
            outcomes = await score_all(batcher, range(8))
    assert all(isinstance(outcome, Broken) for outcome in outcomes)


@pytest.mark.parametrize("working_calls", range(1, 7))
async def test_answers_of_the_batch_in_which_the_device_broke_are_not_trusted(working_calls: int) -> None:
    forward = BreakingForward(working_calls, culprits={7})
    with pytest.raises(DeviceBroken):
        async with batcher_over(forward, SMALL) as batcher:
            outcomes = await score_all(batcher, range(8))
    assert [type(outcome) for outcome in outcomes] == [DeviceBroken] * 8


async def test_wrong_number_of_results_is_broken_and_gives_nobody_a_neighbours_result() -> None:
    with pytest.raises(BatcherDead, match="answered 8 items with 7 results"):
        async with batcher_over(MiscountingForward(), SMALL) as batcher:
            outcomes = await score_all(batcher, range(8))
    assert [type(outcome) for outcome in outcomes] == [BatcherDead] * 8


async def test_forward_that_calls_itself_broken_is_not_bisected() -> None:
    forward = RaisingForward(DeviceBroken("no such device"))
    with pytest.raises(DeviceBroken, match="no such device"):
        async with batcher_over(forward) as batcher:
            await score_all(batcher, range(4))
    assert len(forward.batches) == 1


@pytest.mark.parametrize(
    "error", [StopIteration(), TimeoutError(), ExceptionGroup("two", [OSError(), ValueError()])]
)
async def test_exception_of_any_kind_is_judged_alike(error: Exception) -> None:
    async with running(RaisingForward(error)) as batcher:
        with pytest.raises(Unforeseen, match=type(error).__name__):
            await batcher.score(0)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_forward_that_ends_its_thread_ends_the_batcher(error: BaseException) -> None:
    with pytest.raises(BatcherDead, match=type(error).__name__):
        async with batcher_over(RaisingForward(error)) as batcher:
            with pytest.raises(BatcherDead):
                await batcher.score(0)
            assert (await batcher.died()).__cause__ is error


async def test_probe_does_not_run_while_all_is_well() -> None:
    forward = GoodForward()
    async with running(forward) as batcher:
        await score_all(batcher, range(64))
    assert forward.probes == 0
