"""Workers stopped with SIGTERM at each boundary of the path, over real servers."""

from __future__ import annotations

import pytest

from tests.faults.boundaries import COMMITS, Act, Boundary
from tests.faults.matrix import Row, until
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

STOPS = 2
NAMES = [f"{Act.TERM} {boundary}" for boundary in Boundary]


@pytest.mark.parametrize("boundary", Boundary)
async def test_stopped_at_a_boundary_nothing_is_lost_and_nothing_is_doubled(
    matrix: dict[str, Row], boundary: Boundary, tell: Tell
) -> None:
    row = matrix[f"{Act.TERM} {boundary}"]
    await row.publish()
    codes = []
    for number in range(STOPS):
        # Of a row's two letters the first stop leaves one, and not every photograph is hidden.
        passage = 1 if boundary in {Boundary.LETTER, Boundary.STATEMENT, *COMMITS} else 1 + number
        await row.publish_again()
        worker = row.start_struck(boundary, Act.TERM, passage)
        await until(lambda: not worker.is_alive)  # noqa: B023 - awaited here
        codes.append(worker.process.returncode)
    survivor = row.start()
    await row.until_done()
    await row.stop(survivor)
    tell(f"SIGTERM after {boundary}: {len(codes)} stops, {row.fleet.redeliveries} redeliveries")
    assert codes == [0] * STOPS
    assert row.fleet.redeliveries == 0
    await row.assert_unfaulted()
