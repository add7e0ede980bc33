"""A device that hangs keeps no process alive."""

from __future__ import annotations

import subprocess
import sys

HUNG = """
import asyncio, threading
from model.serving.batcher import BatchLimits
from model.clock import SystemClock
from model.testing import GoodForward, batcher_over

class HungForward(GoodForward):
    def fail_if_due(self, items):
        threading.Event().wait()

async def main():
    limits = BatchLimits(close_within=0.01)
    async with batcher_over(HungForward(), limits, clock=SystemClock()) as batcher:
        waiting = asyncio.create_task(batcher.score(0))
        await asyncio.sleep(0)
    waiting.exception()

asyncio.run(main())
"""


def test_hung_forward_does_not_keep_the_process_alive() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "BatcherDead" in ended.stderr
