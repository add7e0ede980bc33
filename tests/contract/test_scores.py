"""What every score store does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Kept, Stale
from streams.adapters.memory import MemoryScores
from streams.adapters.sqlite import SqliteScores

from .builders import FIRST_MODEL, SECOND_MODEL, announced, head, position, record

Scores = MemoryScores | SqliteScores


@pytest.fixture(params=["memory", "sqlite"])
async def scores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scores]:
    store = MemoryScores() if request.param == "memory" else SqliteScores(tmp_path / "scores.db")
    async with store:
        yield store


async def test_an_image_that_was_never_scored_has_no_head(scores: Scores) -> None:
    assert await scores.head("img_a") is None


async def test_what_is_kept_is_read_back_field_by_field(scores: Scores) -> None:
    first = head(position(1, sequencer="00A"))
    outcome = await scores.keep(first, record(first))
    assert outcome == Kept(head=first)
    assert await scores.head("img_a") == first
    assert await scores.records("img_a") == (record(first),)


async def test_a_newer_event_takes_the_head(scores: Scores) -> None:
    older, newer = head(position(1)), head(position(2), food=0.2)
    await scores.keep(older, record(older))
    assert await scores.keep(newer, record(newer)) == Kept(head=newer)
    assert await scores.head("img_a") == newer


async def test_an_older_event_is_stale_and_the_head_stays(scores: Scores) -> None:
    older, newer = head(position(1)), head(position(2), food=0.2)
    await scores.keep(newer, record(newer))
    assert await scores.keep(older, record(older)) == Stale(head=newer)
    assert await scores.head("img_a") == newer


async def test_a_stale_event_still_joins_the_history(scores: Scores) -> None:
    newer = head(position(2))
    older = head(position(1), model=SECOND_MODEL)
    await scores.keep(newer, record(newer))
    await scores.keep(older, record(older))
    assert await scores.records("img_a") == (record(newer), record(older))


async def test_keeping_one_event_twice_keeps_what_was_kept_first(scores: Scores) -> None:
    first, again = head(position(1), food=0.9), head(position(1), food=0.8)
    await scores.keep(first, record(first))
    assert await scores.keep(again, record(again)) == Kept(head=first)
    assert await scores.records("img_a") == (record(first),)


async def test_the_same_event_published_again_at_another_offset_is_the_same(scores: Scores) -> None:
    first = head(position(1, event="e"))
    again = head(position(5, event="e"), food=0.8)
    await scores.keep(first, record(first))
    assert await scores.keep(again, record(again)) == Kept(head=first)


async def test_another_model_replaces_the_verdict_of_one_event_and_keeps_what_was_announced(
    scores: Scores,
) -> None:
    first, second = head(position(1)), head(position(1), model=SECOND_MODEL, food=0.3)
    await scores.keep(first, record(first))
    await scores.mark("img_a", announced(first))
    expected = second.model_copy(update={"announced": announced(first)})
    assert await scores.keep(second, record(second)) == Kept(head=expected)
    assert await scores.records("img_a") == (record(first), record(second))


async def test_a_newer_head_keeps_what_was_announced_before_it(scores: Scores) -> None:
    older, newer = head(position(1)), head(position(2))
    await scores.keep(older, record(older))
    await scores.mark("img_a", announced(older))
    outcome = await scores.keep(newer, record(newer))
    assert outcome.head.announced == announced(older)
    assert not outcome.head.is_announced


async def test_an_announced_verdict_that_the_caller_brings_is_not_written(scores: Scores) -> None:
    first = head(position(1))
    brought = first.model_copy(update={"announced": announced(first)})
    assert await scores.keep(brought, record(first)) == Kept(head=first)
    assert await scores.head("img_a") == first


async def test_a_marked_head_is_announced(scores: Scores) -> None:
    first = head(position(1))
    await scores.keep(first, record(first))
    await scores.mark("img_a", announced(first))
    found = await scores.head("img_a")
    assert found is not None
    assert found.is_announced


async def test_an_older_mark_does_not_replace_a_newer_one(scores: Scores) -> None:
    older, newer = head(position(1)), head(position(2))
    await scores.keep(newer, record(newer))
    await scores.mark("img_a", announced(newer))
    await scores.mark("img_a", announced(older))
    found = await scores.head("img_a")
    assert found is not None
    assert found.announced == announced(newer)


async def test_an_older_mark_is_remembered_while_the_newer_event_is_unannounced(scores: Scores) -> None:
    older, newer = head(position(1)), head(position(2))
    await scores.keep(newer, record(newer))
    await scores.mark("img_a", announced(older))
    found = await scores.head("img_a")
    assert found is not None
    assert found.announced == announced(older)


async def test_marking_an_image_that_was_never_kept_changes_nothing(scores: Scores) -> None:
    await scores.mark("img_a", announced(head(position(1))))
    assert await scores.head("img_a") is None


async def test_heads_gives_every_image_in_order_of_its_id(scores: Scores) -> None:
    second, first = head(position(1), image="img_b"), head(position(2), image="img_a")
    for each in (second, first):
        await scores.keep(each, record(each))
    assert await scores.heads() == (first, second)


async def test_a_hundred_images_kept_at_once_are_all_kept(scores: Scores) -> None:
    every = [head(position(1), image=f"img_{number:03}") for number in range(100)]
    outcomes = await asyncio.gather(*(scores.keep(each, record(each)) for each in every))
    assert [outcome.head for outcome in outcomes] == every
    assert await scores.heads() == tuple(every)


async def test_a_store_that_is_there_answers_a_ping(scores: Scores) -> None:
    await scores.ping()


MOMENTS = (1, 2, 2, 3, 3, 4)
"""Six deliveries of four events: two of them came twice."""


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(MOMENTS), workers=st.lists(st.integers(0, 1), min_size=6, max_size=6))
async def test_in_whatever_order_two_workers_deliver_the_newest_event_holds(
    order: list[int], workers: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            path = Path(folder) / "scores.db"
            stores = [await stack.enter_async_context(SqliteScores(path)) for _ in range(2)]
            offered = [head(position(minute), food=minute / 10) for minute in order]
            await asyncio.gather(
                *(
                    stores[worker].keep(each, record(each))
                    for worker, each in zip(workers, offered, strict=True)
                )
            )
            newest = head(position(max(MOMENTS)), food=max(MOMENTS) / 10)
            assert [await store.head("img_a") for store in stores] == [newest, newest]


@settings(deadline=None)
@given(order=st.permutations([*MOMENTS, *MOMENTS]), models=st.lists(st.booleans(), min_size=12, max_size=12))
async def test_in_whatever_order_events_are_kept_and_marked_the_newest_holds_and_is_announced(
    order: list[int], models: list[bool]
) -> None:
    store = MemoryScores()
    for minute, first in zip(order, models, strict=True):
        offered = head(position(minute), model=FIRST_MODEL if first else SECOND_MODEL)
        outcome = await store.keep(offered, record(offered))
        if isinstance(outcome, Kept):
            await store.mark("img_a", announced(outcome.head))
    found = await store.head("img_a")
    assert found is not None
    assert found.position == position(max(MOMENTS))
    assert found.is_announced
