"""Workers killed with -9 at each boundary of the path, over real servers."""

from __future__ import annotations

import signal

import pytest

from tests.faults.boundaries import COMMITS, Act, Boundary
from tests.faults.matrix import Row, until
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

KILLS = 3
NAMES = [f"{Act.KILL} {boundary}" for boundary in Boundary]


@pytest.mark.parametrize("boundary", Boundary)
async def test_killed_at_a_boundary_nothing_is_lost_and_nothing_is_doubled(
    matrix: dict[str, Row], boundary: Boundary, tell: Tell
) -> None:
    row = matrix[f"{Act.KILL} {boundary}"]
    await row.publish()
    kills = 0
    for number in range(KILLS):
        passage = 1 if boundary in COMMITS else 1 + number % 2
        await row.publish_again()
        worker = row.start_struck(boundary, Act.KILL, passage)
        await until(lambda: not worker.is_alive)  # noqa: B023 - awaited here
        kills += worker.process.returncode == -signal.SIGKILL
        await row.auditor.audit()
    survivor = row.start()
    await row.until_done()
    await row.stop(survivor)
    tell(f"kill -9 after {boundary}: {kills} kills, {row.fleet.redeliveries} redeliveries")
    assert kills == KILLS
    assert row.fleet.redeliveries > 0 or boundary is Boundary.AFTER_COMMIT
    await row.assert_unfaulted()
