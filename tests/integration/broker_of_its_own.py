"""A broker in another process, which can be frozen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SERVE = """
import sys
from streams.adapters.kafka.connection import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.bootstrap, flush=True)
    sys.stdin.read()
"""


@asynccontextmanager
async def broker_of_its_own() -> AsyncIterator[tuple[int, str]]:
    """Its pid and address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.pid, (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()
