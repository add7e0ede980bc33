"""The stack's real servers for one run of the suite: photographs in the bucket, topics and a store anew."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.suite import process_tree
from benchmarks.suite.photographs import Kind
from deploy.stack.layout import Layout, Ports, default_cache
from deploy.stack.stack import BUCKET, Stack
from schemas import topics
from schemas.uploads import ImageUploaded, Location
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import UploadPublisher
from streams.adapters.kafka.reader import TopicReader, read_all
from tests.real.bucket import Bucket
from tests.real.premises import Premises, fresh

SCORES = "scores"
"""The collection that everybody keeps one document a photograph in."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A photograph in the bucket, and what its image is called this time."""

    image_id: str
    key: str

    @property
    def event(self) -> ImageUploaded:
        """As a producer announces it."""
        fields = {
            "image_id": self.image_id,
            "location": Location(bucket=BUCKET, key=self.key),
            "uploaded_at": datetime.now(UTC),
            "restaurant_id": "r1",
        }
        return ImageUploaded.model_validate(fields)

    @property
    def place(self) -> dict[str, str]:
        """For a program that is handed a list of them."""
        return {"image_id": self.image_id, "bucket": BUCKET, "key": self.key}


@contextmanager
def running() -> Iterator[Stack]:
    """The servers on ports and in a folder of their own; stopped and forgotten in the end."""
    with tempfile.TemporaryDirectory(prefix="tagstream-bench-") as folder, Ports.reserved() as ports:
        stack = Stack(Layout(Path(folder), ports, default_cache()))
        try:
            stack.up()
            yield stack
        finally:
            stack.down()


def put(stack: Stack, kinds: Sequence[Kind]) -> None:
    """Every photograph into the bucket, once."""
    bucket = Bucket(Premises(stack, "unused"))
    for kind in kinds:
        for number, data in enumerate(kind.files):
            bucket.put(_key(kind, number), data)


def uploads(kind: Kind, count: int, *, name: str) -> list[Upload]:
    """So many images over the kind's photographs, each used as often as the others."""
    return [
        Upload(f"{name}-{kind.name}-{number}", _key(kind, number % len(kind.files)))
        for number in range(count)
    ]


def _key(kind: Kind, number: int) -> str:
    return f"{kind.name}/{number:04}.jpg"


async def apply_store(settings: Mapping[str, str]) -> None:
    """Make the store's indexes, as whoever installs the product does."""
    command = [sys.executable, "-m", "tagstream", "store", "apply"]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | settings, stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError("`tagstream store apply` failed")


class Site:
    """Empty topics and an empty store for one program, and what it has done there."""

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        self.stack = premises.stack

    @classmethod
    async def anew(cls, stack: Stack) -> Site:
        """Topics, offsets and the database of the last program are gone."""
        premises = await fresh(stack)
        await apply_store(premises.settings)
        return cls(premises)

    @property
    def settings(self) -> Mapping[str, str]:
        """Of the product."""
        return self.premises.settings

    async def publish(self, uploads: Sequence[Upload]) -> None:
        """Announce them all."""
        async with UploadPublisher(ProducerSettings(bootstrap=self.premises.bootstrap)) as publisher:
            await publisher.publish(*(each.event for each in uploads))

    def tagged(self) -> TopicReader:
        """The topic of tag events, to be entered."""
        return TopicReader(self.premises.bootstrap, topics.TAGGED)

    async def tagged_images(self) -> set[str]:
        """The images that tag events speak of."""
        return {(each.key or b"").decode() for each in await read_all(self.premises.bootstrap, topics.TAGGED)}

    def kept(self) -> int:
        """How many photographs the store has scores of."""
        client: MongoClient[Any] = MongoClient(self.settings["TAGSTREAM_STORE__URL"])
        with client:
            return client[self.premises.database][SCORES].count_documents({})

    def forget(self) -> None:
        """Drop the database: the next program's store holds nothing of this one's."""
        client: MongoClient[Any] = MongoClient(self.settings["TAGSTREAM_STORE__URL"])
        with client:
            client.drop_database(self.premises.database)

    def server_cpu(self) -> dict[str, float]:
        """CPU seconds of each server so far."""
        pids = {service.name: service.pid() for service in self.stack.services}
        return {name: process_tree.cpu_seconds(pid) for name, pid in pids.items() if pid}
