"""A rebalance forced while work stands at each boundary of the path, over real servers."""

from __future__ import annotations

import pytest

from tests.faults.boundaries import COMMITS, Act, Boundary
from tests.faults.matrix import Row, struck, until
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

LINGERING = (Boundary.STORE, Boundary.ANNOUNCE_1, *sorted(COMMITS))
ROWS = [(Act.LINGER, boundary) for boundary in LINGERING] + [
    (Act.HOLD, boundary) for boundary in Boundary if boundary not in COMMITS
]
NAMES = [f"{act} {boundary}" for act, boundary in ROWS]


@pytest.mark.parametrize(("act", "boundary"), ROWS)
async def test_a_rebalance_at_a_boundary_loses_nothing_and_doubles_nothing(
    matrix: dict[str, Row], act: Act, boundary: Boundary, tell: Tell
) -> None:
    row = matrix[f"{act} {boundary}"]
    worker = row.start_struck(boundary, act, passage=1 if boundary in {Boundary.LETTER, *COMMITS} else 2)
    await row.publish()
    await until(lambda: struck(worker))
    joiner = row.start()
    await until(lambda: bool(worker.events("partitions.revoked")))
    await row.until_done()
    await row.stop(joiner, worker)
    revocations = worker.events("partitions.revoked")
    drained = [entry["drained"] for entry in revocations if entry["partitions"]]
    tell(f"rebalance ({act}) after {boundary}: drained {drained}, {row.fleet.redeliveries} redeliveries")
    assert (act is Act.HOLD) == (False in drained)
    assert row.fleet.redeliveries > 0 or act is Act.LINGER
    await row.assert_unfaulted()
