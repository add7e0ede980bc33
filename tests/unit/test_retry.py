"""A call that runs alone, as at the start: it waits for its dependency, which is said once."""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.errors import Gone, Unavailable
from streams.adapters.memory import Away
from streams.resilience.retry import Backoff, Dependencies

IMPATIENT = Backoff(first=0.0001, longest=0.0001)
Lines = list[MutableMapping[str, Any]]


def calling(dependency: Away) -> Callable[[], Coroutine[Any, Any, str]]:
    async def call() -> str:
        dependency.check()
        return "answer"

    return call


def events(lines: Lines) -> list[tuple[str, str]]:
    return [(line["event"], line["dependency"]) for line in lines]


async def test_an_answer_is_returned_at_once() -> None:
    outages = Dependencies(IMPATIENT)
    assert await outages.retry_until_available(calling(Away("s3", times=0))) == "answer"
    assert outages.states() == {}


async def test_a_dependency_that_is_away_is_asked_until_it_answers() -> None:
    away = Away("s3", times=50)
    assert await Dependencies(IMPATIENT).retry_until_available(calling(away)) == "answer"
    assert away.refused == 50


async def test_an_absence_is_said_once_and_so_is_the_return() -> None:
    with capture_logs() as lines:
        await Dependencies(IMPATIENT).retry_until_available(calling(Away("s3", times=20)))
    assert events(lines) == [("dependency.away", "s3"), ("dependency.back", "s3")]
    assert lines[0]["cause"] == "s3 is unavailable"
    assert lines[1]["after_seconds"] >= 0


async def test_an_absence_that_many_calls_meet_is_said_once() -> None:
    away, outages = Away("s3", times=30), Dependencies(IMPATIENT)
    with capture_logs() as lines:
        await asyncio.gather(*(outages.retry_until_available(calling(away)) for _ in range(10)))
    assert events(lines) == [("dependency.away", "s3"), ("dependency.back", "s3")]
    assert away.refused == 30


async def test_a_second_absence_is_said_again() -> None:
    outages = Dependencies(IMPATIENT)
    with capture_logs() as lines:
        for _ in range(2):
            await outages.retry_until_available(calling(Away("s3", times=2)))
    assert [event for event, _ in events(lines)] == ["dependency.away", "dependency.back"] * 2


async def test_two_dependencies_are_told_apart() -> None:
    outages = Dependencies(IMPATIENT)
    with capture_logs() as lines:
        await outages.retry_until_available(calling(Away("store", times=3)))
        await outages.retry_until_available(calling(Away("broker", times=2)))
    assert events(lines) == [
        ("dependency.away", "store"),
        ("dependency.back", "store"),
        ("dependency.away", "broker"),
        ("dependency.back", "broker"),
    ]


@pytest.mark.parametrize("error", [Gone("no such object"), RuntimeError("a bug"), KeyError("k")])
async def test_any_other_error_is_raised_as_it_is_and_at_once(error: Exception) -> None:
    calls: list[None] = []

    async def call() -> None:
        calls.append(None)
        raise error

    for outlast in (
        Dependencies(IMPATIENT).retry_until_available,
        Dependencies(IMPATIENT).of("s3").retry_until_available,
    ):
        with pytest.raises(type(error)) as raised:
            await outlast(call)
        assert raised.value is error
    assert len(calls) == 2


async def test_another_error_after_an_absence_is_raised_too() -> None:
    away, outages = Away("s3", times=2), Dependencies(IMPATIENT)

    async def call() -> None:
        away.check()
        raise Gone

    with pytest.raises(Gone):
        await outages.retry_until_available(call)
    assert away.refused == 2
    assert not outages.states()["s3"].is_away


async def test_waiting_can_be_cancelled() -> None:
    async def never() -> None:
        raise Unavailable("s3")

    waiting = asyncio.create_task(Dependencies(Backoff(first=60, longest=60)).retry_until_available(never))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
