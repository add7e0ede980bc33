"""`python -m benchmarks.fetching`: what reads from S3 cost, past botocore and through the whole of it.

Two gateways of the stack over one folder, one that keeps connections and one that closes each. Objects of
both sizes are read by the adapter that workers fetch through, in turn with the same adapter that does not
learn to read past botocore, and over connections that are closed.
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
from typing import Final, NamedTuple, Self

from pydantic import SecretStr

from benchmarks.processor import cpu_seconds
from deploy.stack.builds import gateway
from deploy.stack.layout import HOST, default_cache, listens
from deploy.stack.reservation import reserved
from schemas.uploads import Location
from streams.adapters.s3.client import ClientOwner
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings

READS: Final = {30_000: 500, 640_000: 150}
"""How many, by size in bytes: of a rendition, and of a photograph as cameras make them."""
ROUNDS: Final = 7
CONCURRENCY: Final = 16
BUCKET: Final = "benchmark"
KEY: Final = "benchmark"
"""Of nothing: the gateway is this process's own, and on loopback."""
KEEPING: Final = ("--keep-alive",)


class LongWay(S3Images):
    """Goes through the whole of botocore every time."""

    async def __aenter__(self) -> Self:
        return await ClientOwner.__aenter__(self)


class FetchCost(NamedTuple):
    """Of one read, in milliseconds: what passes, and CPU on both sides."""

    wall: float
    client: float
    server: float


async def measure(folder: Path) -> None:
    """Ask in turn, and print the medians."""
    with (
        reserved(2, host=HOST) as (closing_port, keeping_port),
        _served(folder, closing_port) as closing,
        _served(folder, keeping_port, *KEEPING) as keeping,
    ):
        ways = {
            "direct": (S3Images, keeping_port, keeping),
            "botocore": (LongWay, keeping_port, keeping),
            "botocore, connections closed": (LongWay, closing_port, closing),
        }
        print(f"{CONCURRENCY} reads at once; milliseconds a read, median of {ROUNDS} rounds in turn")
        for size, reads in READS.items():
            costs: dict[str, list[FetchCost]] = {name: [] for name in ways}
            for _ in range(ROUNDS):
                for name, (adapter, port, process) in ways.items():
                    async with adapter(_settings(port)) as images:
                        costs[name].append(await _cost(images, size, reads, process))
            _print(size, costs)


def _print(size: int, costs: dict[str, list[FetchCost]]) -> None:
    for name, found in costs.items():
        wall, client, server = (median(each) for each in zip(*found, strict=True))
        print(
            f"{size:7,} bytes  {name:28}  wall {wall:6.3f}  CPU of the client {client:6.3f}"
            f"  of the gateway {server:6.3f}"
        )


async def _cost(images: S3Images, size: int, reads: int, process: subprocess.Popen[bytes]) -> FetchCost:
    await images.ensure_bucket(BUCKET)
    places = [Location(bucket=BUCKET, key=f"{number}.jpg") for number in range(CONCURRENCY)]
    await asyncio.gather(*(images.put(place, os.urandom(size)) for place in places))
    await asyncio.gather(*(images.fetch(place) for place in places))
    wall, client, server = time.perf_counter(), time.process_time(), cpu_seconds(process.pid)
    await asyncio.gather(*(images.fetch(places[number % CONCURRENCY]) for number in range(reads)))
    spent = time.perf_counter() - wall, time.process_time() - client, cpu_seconds(process.pid) - server
    return FetchCost(*(each / reads * 1e3 for each in spent))


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
