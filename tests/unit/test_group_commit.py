"""Group commit: who shares a round with whom, and who hears of what."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streams.adapters.group_commit import GroupCommit


class Doubling:
    """Doubles numbers, once it is let; remembers what came together."""

    def __init__(self) -> None:
        self.together: list[list[int]] = []
        self.may_go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, calls: Sequence[int]) -> Sequence[int | BaseException]:
        self.together.append(list(calls))
        await self.may_go.wait()
        if self.error:
            raise self.error
        return [2 * call if call >= 0 else ValueError(call) for call in calls]


async def joined(rounds: GroupCommit[int, int], *calls: int) -> list[asyncio.Task[int]]:
    """The calls, queued."""
    tasks = [asyncio.create_task(rounds.join(call)) for call in calls]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_a_round_is_in_flight_shares_the_next() -> None:
    work = Doubling()
    rounds = GroupCommit(work, most=10)
    first = await joined(rounds, 1)
    rest = await joined(rounds, 2, 3)
    work.may_go.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6]
    assert work.together == [[1], [2, 3]]


async def test_a_round_takes_no_more_than_it_may() -> None:
    work = Doubling()
    work.may_go.set()
    assert await asyncio.gather(*await joined(GroupCommit(work, most=2), 1, 2, 3, 4, 5)) == [2, 4, 6, 8, 10]
    assert work.together == [[1, 2], [3, 4], [5]]


async def test_a_call_that_fails_fails_alone() -> None:
    work = Doubling()
    work.may_go.set()
    good, bad = await joined(GroupCommit(work, most=10), 1, -1)
    assert await good == 2
    with pytest.raises(ValueError, match="-1"):
        await bad


async def test_a_round_that_fails_is_told_to_all_of_it_and_the_next_goes_on() -> None:
    work = Doubling()
    rounds = GroupCommit(work, most=2)
    calls = await joined(rounds, 1, 2)
    work.error = OSError("away")
    work.may_go.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["away", "away"]
    work.error = None
    assert await rounds.join(3) == 6


async def test_a_caller_that_left_does_not_take_its_call_with_it() -> None:
    work = Doubling()
    rounds = GroupCommit(work, most=10)
    left, stayed = await joined(rounds, 1, 2)
    left.cancel()
    work.may_go.set()
    assert await stayed == 4
    assert work.together == [[1, 2]]


async def test_draining_waits_for_every_call() -> None:
    work = Doubling()
    rounds = GroupCommit(work, most=1)
    calls = await joined(rounds, 1, 2, 3)
    draining = asyncio.create_task(rounds.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    work.may_go.set()
    await draining
    assert all(call.done() for call in calls)


async def test_draining_what_has_nothing_to_do_returns_at_once() -> None:
    await GroupCommit(Doubling(), most=1).drain()
