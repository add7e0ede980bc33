"""One event, one order of what is announced, in whatever process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SAID = """
import asyncio
from tests.unit.straight_path import World, upload_of
world = World()
asyncio.run(world.tag(upload_of(), "menu=0.9 human=0.8 ambiance=0.9"))
print(world.said)
"""


def test_events_are_announced_in_the_same_order_in_every_process() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", SAID],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for seed in range(3)
    }
    assert len(printed) == 1
