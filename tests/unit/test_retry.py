"""Waiting for a dependency that is away."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.errors import Gone, Unavailable
from streams.adapters.memory import Away
from streams.retry import Outages, Patience

IMPATIENT = Patience(first=0.0001, longest=0.0001)
Lines = list[MutableMapping[str, Any]]


def calling(*dependencies: Away) -> Any:
    async def call() -> str:
        for dependency in dependencies:
            dependency.check()
        return "answer"

    return call


def events(lines: Lines) -> list[tuple[str, str]]:
    return [(line["event"], line["dependency"]) for line in lines]


async def test_an_answer_is_returned_at_once() -> None:
    assert await Outages(IMPATIENT).outlast(calling()) == "answer"


async def test_a_dependency_that_is_away_is_asked_until_it_answers() -> None:
    away = Away("s3", times=50)
    assert await Outages(IMPATIENT).outlast(calling(away)) == "answer"
    assert away.refused == 50


async def test_an_absence_is_said_once_and_so_is_the_return() -> None:
    with capture_logs() as lines:
        await Outages(IMPATIENT).outlast(calling(Away("s3", times=20)))
    assert events(lines) == [("dependency.away", "s3"), ("dependency.back", "s3")]
    assert lines[0]["cause"] == "s3 is unavailable"
    assert lines[1]["after_seconds"] >= 0


async def test_an_absence_that_many_calls_meet_is_said_once() -> None:
    away, outages = Away("s3", times=30), Outages(IMPATIENT)
    with capture_logs() as lines:
        await asyncio.gather(*(outages.outlast(calling(away)) for _ in range(10)))
    assert events(lines)[0] == ("dependency.away", "s3")
    assert away.refused == 30
    assert outages.away == ()


async def test_a_second_absence_is_said_again() -> None:
    outages = Outages(IMPATIENT)
    with capture_logs() as lines:
        for _ in range(2):
            await outages.outlast(calling(Away("s3", times=2)))
    assert [event for event, _ in events(lines)] == ["dependency.away", "dependency.back"] * 2


async def test_two_dependencies_are_told_apart() -> None:
    outages = Outages(IMPATIENT)
    with capture_logs() as lines:
        await outages.outlast(calling(Away("store", times=3), Away("broker", times=2)))
    assert sorted(events(lines)) == [
        ("dependency.away", "broker"),
        ("dependency.away", "store"),
        ("dependency.back", "broker"),
        ("dependency.back", "store"),
    ]
    assert outages.away == ()


async def test_who_is_away_can_be_asked_meanwhile() -> None:
    seen: list[tuple[str, ...]] = []
    outages = Outages(IMPATIENT, on_wait=lambda: seen.append(outages.away))
    await outages.outlast(calling(Away("s3", times=3)))
    assert seen[-1] == ("s3",)
    assert outages.away == ()


async def test_every_wait_is_announced_so_that_it_is_no_stall() -> None:
    waits: list[None] = []
    await Outages(IMPATIENT, on_wait=lambda: waits.append(None)).outlast(calling(Away("s3", times=7)))
    assert len(waits) == 7


@pytest.mark.parametrize("error", [Gone("no such object"), RuntimeError("a bug"), KeyError("k")])
async def test_any_other_error_is_raised_as_it_is_and_at_once(error: Exception) -> None:
    calls: list[None] = []

    async def call() -> None:
        calls.append(None)
        raise error

    with pytest.raises(type(error)) as raised:
        await Outages(IMPATIENT).outlast(call)
    assert raised.value is error
    assert len(calls) == 1


async def test_another_error_after_an_absence_is_raised_too() -> None:
    away = Away("s3", times=2)

    async def call() -> None:
        away.check()
        raise Gone

    with pytest.raises(Gone):
        await Outages(IMPATIENT).outlast(call)
    assert away.refused == 2


async def test_waiting_can_be_cancelled() -> None:
    async def never() -> None:
        raise Unavailable("s3")

    waiting = asyncio.create_task(Outages(Patience(first=60, longest=60)).outlast(never))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
