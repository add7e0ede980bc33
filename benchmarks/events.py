"""`python -m benchmarks.events [--trees OLD NEW] [--rounds 3] [--json]`: what an event costs a worker.

A whole worker, its photographs and its network left out (`benchmarks.event_worker`), works on a backlog of
uploads: record in, window, straight path, store, producer, commit. What is counted is the CPU time of its
process, start-up and warm-up taken off. Several trees are measured in turn, round by round, so that a busy
machine is as busy for one as for the other: the ratio is what travels.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks.processor import cpu_seconds
from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.consumer import groupless

HERE: Final = Path(__file__).parents[1]
WORKER: Final = Path(__file__).with_name("event_worker.py")
WARMING: Final = 600
EVENTS: Final = 4_000
PARTITIONS: Final = 4
BUCKET: Final = "photos"
PATIENCE: Final = 180.0
"""Seconds within which a stretch of events is worked on, or something is wrong."""


@dataclass(frozen=True, slots=True)
class EventCost:
    """Of one run of one tree over one store."""

    tree: str
    store: str
    cpu_ms: float
    """Of the worker's process, an event."""
    events_a_second: float


def main() -> None:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    costs = [
        asyncio.run(_measured(tree, store, asked))
        for _ in range(asked.rounds)
        for store in asked.stores
        for tree in asked.trees
    ]
    if asked.json:
        print(json.dumps([asdict(each) for each in costs], indent=2))
    else:
        _print(costs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.events", description=__doc__)
    parser.add_argument("--trees", nargs="+", default=[str(HERE)], help="checkouts to measure in turn")
    parser.add_argument("--stores", nargs="+", default=["sqlite"], help="sqlite, or a mongodb:// URL")
    parser.add_argument("--bootstrap", help="a broker of yours instead of the embedded one")
    parser.add_argument("--events", type=int, default=EVENTS, help="events a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tree over each store")
    parser.add_argument("--profile", help="file for a profile by function of the last run")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser.parse_args()


async def _measured(tree: str, store: str, asked: argparse.Namespace) -> EventCost:
    run = os.urandom(4).hex()
    with tempfile.TemporaryDirectory() as folder, _broker(asked.bootstrap) as bootstrap:
        environment = _environment(store, Path(folder), bootstrap, run)
        if asked.profile:
            environment["EVENTS_PROFILE"] = asked.profile
        async with groupless(bootstrap, seconds=30) as consumer:
            tagged = Tagged(consumer)
            await tagged.begin()
            await _skip_old(bootstrap, f"events-{run}", consumer)
            with _worker(tree, environment) as process:
                await _publish(bootstrap, f"{run}/warming", WARMING)
                await tagged.reach(WARMING, process)
                cpu, began = cpu_seconds(process.pid), time.monotonic()
                await _publish(bootstrap, run, asked.events)
                await tagged.reach(WARMING + asked.events, process)
                spent, took = cpu_seconds(process.pid) - cpu, time.monotonic() - began
    kind = "mongodb" if store.startswith("mongodb") else store
    return EventCost(tree, kind, spent / asked.events * 1000, asked.events / took)


class Tagged:
    """How many images were announced, as the ends of the topic's partitions say."""

    def __init__(self, consumer: Any) -> None:  # noqa: ANN401 - aiokafka's
        self._consumer = consumer
        self._before = 0

    async def begin(self) -> None:
        """Count from here on."""
        self._before = await self._ends()

    async def reach(self, count: int, process: subprocess.Popen[bytes]) -> None:
        """Return when so many were announced, and a moment later: marks and commits come behind."""
        deadline = time.monotonic() + PATIENCE
        while await self._ends() - self._before < count:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the worker ended, or is stuck: {process.poll()}")
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)

    async def _ends(self) -> int:
        places = [TopicPartition(topics.TAGGED, number) for number in range(PARTITIONS)]
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(places)
        return sum(ends.values())


async def _skip_old(bootstrap: str, group: str, consumer: Any) -> None:  # noqa: ANN401 - aiokafka's
    """A group that begins behind what earlier runs left on the topics."""
    places = [TopicPartition(topics.UPLOADED, number) for number in range(PARTITIONS)]
    ends = await consumer.end_offsets(places)
    member = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    async with member:
        member.assign(places)
        await member.commit(ends)


@contextmanager
def _broker(bootstrap: str | None) -> Iterator[str]:
    if bootstrap:
        yield bootstrap
        return
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        yield broker.bootstrap


def _environment(store: str, folder: Path, bootstrap: str, run: str) -> dict[str, str]:
    ours = {
        "KAFKA__BROKERS": bootstrap,
        "KAFKA__GROUP": f"events-{run}",
        "KAFKA__SESSION_TIMEOUT": "6",
        "S3__BUCKETS": json.dumps([BUCKET]),
        "LOG__FORMAT": "json",
    }
    if store.startswith("mongodb"):
        ours |= {"STORE__URL": store, "STORE__DATABASE": f"events_{run}"}
    else:
        ours |= {"STORE__PATH": str(folder / "scores.sqlite")}
    return {f"TAGSTREAM_{name}": value for name, value in ours.items()}


@contextmanager
def _worker(tree: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}
    process = subprocess.Popen(  # noqa: S603 - this interpreter, over a tree that was named
        [sys.executable, str(WORKER)],
        cwd=tree,
        env=inherited | {"PYTHONPATH": tree} | environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


async def _publish(bootstrap: str, prefix: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)  # type: ignore[no-untyped-call]
    async with producer:
        for number in range(count):
            location = {"bucket": BUCKET, "key": f"{prefix}/{number}.jpg"}
            event = {
                "location": location,
                "restaurant_id": f"r{number % 97}",
                "uploaded_at": "2026-01-01T00:00:00Z",
            }
            value = json.dumps(event).encode()
            await producer.send(  # type: ignore[no-untyped-call]
                topics.UPLOADED, value, key=str(number).encode(), partition=number % PARTITIONS
            )


def _print(costs: list[EventCost]) -> None:
    table = Table("Store", "Tree", "CPU ms an event", "least - most", "events a second", box=None)
    for store, tree in dict.fromkeys((each.store, each.tree) for each in costs):
        runs = [each for each in costs if (each.store, each.tree) == (store, tree)]
        cpu = sorted(each.cpu_ms for each in runs)
        pace = median(each.events_a_second for each in runs)
        table.add_row(store, tree, f"{median(cpu):.2f}", f"{cpu[0]:.2f} - {cpu[-1]:.2f}", f"{pace:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
