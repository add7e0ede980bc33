"""A dependency that answers is back, whatever it answers; and one that nobody waits for is not away."""

import asyncio

import pytest
from structlog.testing import capture_logs

from schemas.errors import Gone, Unavailable
from streams.adapters.memory import Away
from streams.retry import Outages, Patience

IMPATIENT = Patience(first=0.0001, longest=0.0001)


async def away_and_then_gone(away: Away) -> None:
    away.check()
    raise Gone


async def test_a_storage_that_says_gone_is_back() -> None:
    outages, away = Outages(IMPATIENT), Away("s3", times=2)
    with pytest.raises(Gone):
        await outages.outlast(lambda: away_and_then_gone(away))
    assert outages.away == ()


async def test_an_absence_after_an_answer_that_was_an_error_is_said_again() -> None:
    outages = Outages(IMPATIENT)
    with capture_logs() as lines:
        for away in (Away("s3", times=1), Away("s3", times=1)):
            with pytest.raises(Gone):
                await outages.outlast(lambda away=away: away_and_then_gone(away))  # type: ignore[misc]
    assert [line["event"] for line in lines] == ["dependency.away", "dependency.back"] * 2


async def test_an_absence_that_the_last_waiter_did_not_see_the_end_of_is_forgotten() -> None:
    async def never() -> None:
        raise Unavailable("s3")

    outages = Outages(IMPATIENT)
    waiting = asyncio.create_task(outages.outlast(never))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert outages.away == ()
