"""LitServe beside aiokafka: each photograph is posted to a server of this machine, which batches.

https://lightning.ai/docs/litserve/features/batching
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import aiohttp

from benchmarks.alternatives import job
from benchmarks.alternatives.batch_consumer import consume

START_SECONDS = 120


async def main(server: str) -> None:
    """Ask it about all that comes."""
    async with aiohttp.ClientSession(server) as http:
        await ready(http)

        async def ask(data: bytes) -> job.Scores:
            form = aiohttp.FormData()
            form.add_field("content", data, filename="photograph")
            async with http.post("/predict", data=form) as said:
                said.raise_for_status()
                return await said.json()

        await consume(ask)


async def ready(http: aiohttp.ClientSession) -> None:
    """Return when the server has loaded its model."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                async with http.get("/health") as said:
                    if said.ok:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


if __name__ == "__main__":
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.alternatives.litserve_server", str(port)]
    served = subprocess.Popen(command)  # noqa: S603 - beside this file
    try:
        asyncio.run(main(f"http://127.0.0.1:{port}"))
    finally:
        served.terminate()
        served.wait()
