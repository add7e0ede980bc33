from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.adapters.s3.budget import ByteSemaphore


class Holder:
    """A task that takes an amount and holds it until it is told to let go."""

    def __init__(self, budget: ByteSemaphore, amount: int) -> None:
        self._budget = budget
        self._amount = amount
        self.got = False
        self._let_go = asyncio.Event()
        self.task = asyncio.ensure_future(self._hold())

    async def _hold(self) -> None:
        async with self._budget.take(self._amount):
            self.got = True
            await self._let_go.wait()

    async def let_go(self) -> None:
        self._let_go.set()
        await self.task
        await settle()


async def settle() -> None:
    for _ in range(40):  # more turns of the loop than the longest chain of holders needs
        await asyncio.sleep(0)


async def holding(budget: ByteSemaphore, *amounts: int) -> list[Holder]:
    holders = [Holder(budget, amount) for amount in amounts]
    await settle()
    return holders


async def test_what_fits_is_given_at_once() -> None:
    budget = ByteSemaphore(10)
    first, second = await holding(budget, 4, 6)
    assert first.got
    assert second.got
    assert budget.in_use == 10
    await first.let_go()
    await second.let_go()
    assert budget.in_use == 0


async def test_what_does_not_fit_waits_until_it_does() -> None:
    budget = ByteSemaphore(10)
    first, second = await holding(budget, 6, 5)
    assert not second.got
    assert budget.waiting == 1
    await first.let_go()
    assert second.got
    await second.let_go()


async def test_a_small_amount_does_not_overtake_a_large_one_that_waits() -> None:
    budget = ByteSemaphore(10)
    first, large, small = await holding(budget, 6, 9, 1)
    assert not large.got
    assert not small.got
    await first.let_go()
    assert large.got
    assert small.got
    await large.let_go()
    await small.let_go()


async def test_more_than_the_whole_budget_is_given_alone() -> None:
    budget = ByteSemaphore(10)
    first, huge, after = await holding(budget, 1, 25, 1)
    assert not huge.got
    await first.let_go()
    assert huge.got
    assert not after.got
    assert budget.in_use == 25
    await huge.let_go()
    assert after.got
    await after.let_go()


async def test_a_waiter_that_is_cancelled_leaves_and_lets_the_next_pass() -> None:
    budget = ByteSemaphore(10)
    first, large, small = await holding(budget, 6, 9, 4)
    large.task.cancel()
    await settle()
    assert small.got
    assert budget.in_use == 10
    await first.let_go()
    await small.let_go()
    assert budget.in_use == 0


async def test_a_waiter_cancelled_in_the_moment_it_is_given_its_amount_gives_it_back() -> None:
    budget = ByteSemaphore(10)
    first, second, third = await holding(budget, 10, 10, 10)
    first._let_go.set()
    while not first.task.done():
        await asyncio.sleep(0)
    second.task.cancel()
    await settle()
    assert not second.got
    assert third.got
    await third.let_go()
    assert budget.in_use == 0


async def test_a_waiter_cancelled_in_the_moment_before_is_passed_over() -> None:
    budget = ByteSemaphore(10)
    first, second, third = await holding(budget, 10, 10, 10)
    second.task.cancel()
    await first.let_go()
    assert third.got
    await third.let_go()
    assert budget.in_use == 0


async def test_a_holder_that_fails_gives_its_amount_back() -> None:
    budget = ByteSemaphore(10)
    with pytest.raises(ZeroDivisionError):
        async with budget.take(10):
            raise ZeroDivisionError
    assert budget.in_use == 0


async def test_nothing_is_taken_at_once_even_from_an_empty_budget_of_one() -> None:
    async with ByteSemaphore(1).take(1), asyncio.timeout(1), ByteSemaphore(1).take(0):
        pass


async def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        async with ByteSemaphore(1).take(-1):
            pass


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        ByteSemaphore(0)


@settings(deadline=None)
@given(
    amounts=st.lists(st.integers(0, 15), min_size=1, max_size=12),
    cancelled=st.sets(st.integers(0, 11)),
    order=st.randoms(use_true_random=False),
)
async def test_whatever_is_taken_cancelled_and_given_back_the_bound_holds_and_all_comes_back(
    amounts: list[int], cancelled: set[int], order: Random
) -> None:
    budget = ByteSemaphore(10)
    holders = await holding(budget, *amounts)
    steps = list(enumerate(holders))
    order.shuffle(steps)
    for number, holder in steps:
        oversized = [each for each in holders if each.got and not each.task.done() and each._amount > 10]
        assert budget.in_use <= 10 or len(oversized) == 1
        if number in cancelled:
            holder.task.cancel()
        else:
            holder._let_go.set()
        await settle()
    await asyncio.gather(*(holder.task for holder in holders), return_exceptions=True)
    assert budget.in_use == 0
    assert budget.waiting == 0
