"""What every score store does with statements of reasons: each is added once, and stays as it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from schemas.statements import place_of

from .builders import EPOCH, statement
from .stores import Place, Scores, place


async def test_a_store_without_statements_has_none(scores: Scores) -> None:
    await scores.keep_statements(())
    assert await scores.statements() == ()
    assert await scores.statements_of("img_a") == ()


async def test_a_statement_is_read_back_field_by_field(scores: Scores) -> None:
    said = statement(1, puid="p1", facts="café $x {y}")
    await scores.keep_statements([said])
    assert await scores.statements() == (said,)


async def test_a_statement_of_a_known_puid_changes_nothing(scores: Scores) -> None:
    first, second = statement(1, puid="p1"), statement(3, puid="p3")
    await scores.keep_statements([first])
    await scores.keep_statements([statement(2, puid="p1", facts="something else"), second])
    assert await scores.statements() == (first, second)


async def test_of_two_workers_that_state_the_same_at_once_one_is_kept(store_place: Place) -> None:
    offered = [[statement(1, puid="p1", facts=f"{n}"), statement(2, puid=f"q{n}")] for n in range(8)]
    async with store_place.store() as one, store_place.store() as other:
        await asyncio.gather(
            *((one, other)[number % 2].keep_statements(each) for number, each in enumerate(offered))
        )
        kept = await one.statements()
    assert [each.puid for each in kept] == ["p1", *sorted(f"q{n}" for n in range(8))]
    assert kept[0] in [pair[0] for pair in offered]


async def test_statements_come_in_pages_by_time_and_those_of_a_moment_by_their_ids(scores: Scores) -> None:
    every = [statement(minute, puid=puid) for minute, puid in ((1, "b"), (1, "c"), (2, "a"), (3, "d"))]
    await scores.keep_statements(every[::-1])
    pages, after = [], ""
    while page := await scores.statements(after=after, limit=2):
        pages.append(page)
        after = page[-1].place
    assert pages == [tuple(every[:2]), tuple(every[2:])]


async def test_statements_of_a_time_are_those_from_its_first_moment_on_and_before_its_last(
    scores: Scores,
) -> None:
    every = [statement(minute, puid=f"p{minute}") for minute in range(5)]
    late = statement(3, puid="late").model_copy(
        update={"occurred_at": EPOCH + timedelta(minutes=3, microseconds=-1)}
    )
    await scores.keep_statements([*every, late])
    begin, end = (place_of(EPOCH + timedelta(minutes=minute)) for minute in (1, 3))
    assert await scores.statements(after=begin, before=end) == (every[1], every[2], late)


async def test_the_statements_of_one_image_are_not_those_of_another(scores: Scores) -> None:
    mine = [statement(2, puid="b"), statement(1, puid="c")]
    await scores.keep_statements([*mine, statement(1, puid="a", image="img_b")])
    assert await scores.statements_of("img_a") == (mine[1], mine[0])


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_statements_outlive_the_store_that_took_them(kind: str, request: pytest.FixtureRequest) -> None:
    where = place(kind, request)
    async with where.store() as store:
        await store.keep_statements([statement(1, puid="p1")])
    async with where.store() as store:
        assert await store.statements() == (statement(1, puid="p1"),)
