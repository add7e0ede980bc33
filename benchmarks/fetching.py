"""`python -m benchmarks.fetching`: what small reads from S3 cost, with kept-alive connections and without.

Two gateways of the stack over one folder, one that keeps connections and one that closes each; they are asked
in turn by the adapter that workers fetch through.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from pydantic import SecretStr

from benchmarks.processor import cpu_seconds
from deploy.stack.builds import gateway
from deploy.stack.layout import HOST, default_cache, listens
from deploy.stack.reservation import reserved
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings

READS: Final = 1_000
BYTES: Final = 2_000
ROUNDS: Final = 3
CONCURRENCY: Final = 16
BUCKET: Final = "benchmark"
KEY: Final = "benchmark"
"""Of nothing: the gateway is this process's own, and on loopback."""
KEEPING: Final = ("--keep-alive",)


class FetchCost(NamedTuple):
    """Of one read, in milliseconds: what passes, and CPU on both sides."""

    wall: float
    client: float
    server: float


async def measure(folder: Path) -> None:
    """Ask both in turn, and print the medians."""
    with (
        reserved(2, host=HOST) as (closing_port, keeping_port),
        _served(folder, closing_port) as closing,
        _served(folder, keeping_port, *KEEPING) as keeping,
    ):
        gateways = {"closing": (closing_port, closing), "keeping": (keeping_port, keeping)}
        costs: dict[str, list[FetchCost]] = {name: [] for name in gateways}
        for _ in range(ROUNDS):
            for name, (port, process) in gateways.items():
                costs[name].append(await _cost(port, process))
    print(f"{READS} reads of {BYTES} bytes, {CONCURRENCY} at once; milliseconds a read, median of {ROUNDS}")
    for name, found in costs.items():
        wall, client, server = (median(each) for each in zip(*found, strict=True))
        print(f"{name:8} wall {wall:6.3f}  CPU of the client {client:6.3f}  of the gateway {server:6.3f}")


async def _cost(port: int, process: subprocess.Popen[bytes]) -> FetchCost:
    places = [Location(bucket=BUCKET, key=f"{number}.jpg") for number in range(READS)]
    async with S3Images(_settings(port)) as images:
        await images.ensure_bucket(BUCKET)
        await asyncio.gather(*(images.put(place, bytes(BYTES)) for place in places[:CONCURRENCY]))
        places = [places[number % CONCURRENCY] for number in range(READS)]
        wall, client, server = time.perf_counter(), time.process_time(), cpu_seconds(process.pid)
        await asyncio.gather(*(images.fetch(place) for place in places))
        spent = time.perf_counter() - wall, time.process_time() - client, cpu_seconds(process.pid) - server
    return FetchCost(*(each / READS * 1e3 for each in spent))


def _settings(port: int) -> S3Settings:
    return S3Settings(
        endpoint_url=f"http://{HOST}:{port}",
        access_key_id=SecretStr(KEY),
        secret_access_key=SecretStr(KEY),
        buckets=(BUCKET,),
        concurrency=CONCURRENCY,
    )


@contextmanager
def _served(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(gateway(default_cache())), "--port", f"{HOST}:{port}", "--quiet", *options]
    metadata, objects = folder / "metadata", folder / "objects"
    for each in (metadata, objects):
        each.mkdir(exist_ok=True)
    keys = {"ROOT_ACCESS_KEY_ID": KEY, "ROOT_SECRET_ACCESS_KEY": KEY}
    process = subprocess.Popen(  # noqa: S603 - the stack's own program
        [*command, "posix", "--sidecar", str(metadata), str(objects)],
        env=os.environ | keys,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not listens(port):
            if process.poll() is not None:
                sys.exit("the gateway ended at its start")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(Path(temporary)))
