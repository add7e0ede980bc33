"""Batches: what a batch job costs predictions over HTTP, and they cost it, in one run of one server.

Clients ask in a closed loop, alone first; then a job over a bucket begins, and they ask again, as many; then
the job is left to itself. The figures are the percentiles of predictions, by those without the job, and the
job's photographs a second, by those without predictions.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import boto3
from rich.console import Console
from rich.table import Table

from benchmarks.api_load import LoadRow, arguments, load, serving
from benchmarks.suite.photographs import Kind
from schemas.api_keys import Scope
from streams.adapters.s3.embedded import EmbeddedS3

CLIENTS: Final = (1, 8)
BUCKET: Final = "photos"
LISTED: Final = 100_000
"""Rows: more than any run gets done."""
LOOK: Final = 0.25
"""Seconds between two looks at the job."""

ABOUT: Final = (
    "`make bench-batches`: predictions over HTTP, closed loop, {seconds:g} s a row, without and with a job"
)
EXAMPLES: Final = """\
  make bench-batches                                  some three minutes
  make bench-batches OPTIONS="--seconds 20 --json"
"""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One load, and what the job did meanwhile."""

    load: str
    clients: int
    a_second: float
    """Predictions."""
    p50: float
    """Milliseconds of a prediction."""
    p99: float
    rows_a_second: float
    """Photographs of the job."""


class FilledBucket:
    """A bucket with the photographs, each under a key of its own, and a list that names them in turn."""

    def __init__(self, storage: EmbeddedS3, kind: Kind) -> None:
        secret = storage.credentials.secret_access_key.get_secret_value()
        access = {"aws_access_key_id": storage.credentials.access_key_id, "aws_secret_access_key": secret}
        self.settings = {
            "TAGSTREAM_S3__ENDPOINT_URL": storage.endpoint_url,
            "TAGSTREAM_S3__REGION": "us-east-1",
            "TAGSTREAM_S3__ACCESS_KEY_ID": storage.credentials.access_key_id,
            "TAGSTREAM_S3__SECRET_ACCESS_KEY": secret,
            "TAGSTREAM_S3__BUCKETS": json.dumps([BUCKET]),
        }
        client: Any = boto3.client("s3", endpoint_url=storage.endpoint_url, region_name="us-east-1", **access)
        client.create_bucket(Bucket=BUCKET)
        # As many keys as a chunk has rows: of one photograph that is named twice there it scores one.
        keys = [f"p/{number}.jpg" for number in range(1000)]
        for number, key in enumerate(keys):
            client.put_object(Bucket=BUCKET, Key=key, Body=kind.files[number % len(kind.files)])
        listed = "".join(f"{keys[row % len(keys)]}\n" for row in range(LISTED))
        client.put_object(Bucket=BUCKET, Key="jobs/list.csv", Body=f"image\n{listed}".encode())


@dataclass(frozen=True, slots=True)
class Job:
    """A job at a server, and the session to ask with."""

    http: aiohttp.ClientSession
    url: str

    @classmethod
    async def begun(cls, http: aiohttp.ClientSession, base: str) -> Job:
        """When it has its first rows."""
        asked = {
            "input": {"bucket": BUCKET, "key": "jobs/list.csv"},
            "output": {"bucket": BUCKET, "prefix": "jobs/out/"},
        }
        async with http.post(f"{base}/v1/batches", json=asked) as said:
            said.raise_for_status()
            job = cls(http, base + (await said.json())["links"]["self"])
        while True:
            if await job.done():
                return job
            await asyncio.sleep(LOOK)

    async def done(self) -> int:
        """Its rows; in steps of some seconds of work. Raises `RuntimeError` where it is over."""
        async with self.http.get(self.url) as said:
            said.raise_for_status()
            found = await said.json()
        if found["state"] != "running" or found["rows"]["failed"]:
            raise RuntimeError(f"the job is {found['state']}, {found['rows']}: {found['why']}")
        return int(found["rows"]["done"])

    async def rate_during(self, work: Awaitable[Any]) -> tuple[Any, float]:
        """What comes of `work`, and rows a second from the first step that is seen to the last."""
        seen: list[tuple[float, int]] = []

        async def watch() -> None:
            while True:
                rows = await self.done()
                if not seen or rows != seen[-1][1]:
                    seen.append((time.perf_counter(), rows))
                await asyncio.sleep(LOOK)

        watching = asyncio.create_task(watch())
        try:
            result = await work
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        steps = seen[1:]  # when the first one was made, nobody knows
        if len(steps) < 2:  # noqa: PLR2004
            raise RuntimeError("fewer than two steps of the job were seen: measure for longer")
        (since, first), (until, last) = steps[0], steps[-1]
        return result, (last - first) / (until - since)


async def measured(folder: Path, kind: Kind, seconds: float) -> list[BatchRow]:
    """Every load, in turn."""
    with EmbeddedS3() as storage:
        settings = FilledBucket(storage, kind).settings
        async with serving(folder, Scope.PREDICT, Scope.BATCH, **settings) as (base, target):
            alone = [await load(target, kind, clients=each, seconds=seconds) for each in CLIENTS]
            rows = [_row("predictions alone", each, 0.0) for each in alone]
            async with aiohttp.ClientSession(headers=target.headers) as http:
                job = await Job.begun(http, base)
                for clients in CLIENTS:
                    asking = load(target, kind, clients=clients, seconds=seconds)
                    rows.append(_row("both", *await job.rate_during(asking)))
                _, rate = await job.rate_during(asyncio.sleep(seconds))
            return [*rows, BatchRow("job alone", 0, 0.0, 0.0, 0.0, rate)]


def _row(name: str, row: LoadRow, rate: float) -> BatchRow:
    return BatchRow(name, row.clients, row.a_second, row.p50, row.p99, rate)


def table(rows: Sequence[BatchRow]) -> Table:
    """For people."""
    made = Table("load", "clients", "predictions/s", "p50 ms", "p99 ms", "job's photographs/s")
    for row in rows:
        asked = (
            (f"{row.a_second:,.1f}", f"{row.p50:,.0f}", f"{row.p99:,.0f}") if row.clients else ("", "", "")
        )
        rate = f"{row.rows_a_second:,.1f}" if row.rows_a_second else ""
        made.add_row(row.load, str(row.clients or ""), *asked, rate)
    return made


def verdict(rows: Sequence[BatchRow]) -> str:
    """What each costs the other."""
    alone = {row.clients: row for row in rows if row.load == "predictions alone"}
    whole = rows[-1].rows_a_second
    told = (
        f"{row.clients} clients p50 {row.p50 / alone[row.clients].p50:.2f} x, "
        f"p99 {row.p99 / alone[row.clients].p99:.2f} x, the job at {row.rows_a_second / whole:.0%}"
        for row in rows
        if row.load == "both"
    )
    return f"beside each other, by each alone: {'; '.join(told)}"


async def main() -> None:
    """Measure, and say it."""
    console = Console(stderr=True)
    asked, kind = arguments(str(__doc__), EXAMPLES, seconds=30.0)
    console.print(ABOUT.format(seconds=asked.seconds))
    console.print(kind.about)
    with tempfile.TemporaryDirectory() as folder:
        rows = await measured(Path(folder), kind, asked.seconds)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    console.print(table(rows))
    console.print(verdict(rows))


if __name__ == "__main__":
    asyncio.run(main())
