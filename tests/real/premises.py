"""The stack as one test finds it: empty topics, no group, a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError
from pydantic import SecretStr

from agents.wiring.settings import StoreSettings
from deploy.stack.stack import BUCKET, Stack
from schemas import topics
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.adapters.kafka.topic_state import declared
from tests.own_databases import own_database

PARTITIONS = 4
WITHIN = 30.0


@dataclass(frozen=True)
class Premises:
    """What a test's workers and commands are to work with."""

    stack: Stack
    database: str

    @property
    def bootstrap(self) -> str:
        return self.settings["TAGSTREAM_KAFKA__BROKERS"]

    @property
    def bucket(self) -> str:
        return BUCKET

    @property
    def settings(self) -> Mapping[str, str]:
        """For the environment of a worker or a command."""
        return {**self.stack.settings, "TAGSTREAM_STORE__DATABASE": self.database}

    @property
    def store(self) -> StoreSettings:
        return StoreSettings(url=SecretStr(self.settings["TAGSTREAM_STORE__URL"]), database=self.database)


async def fresh(stack: Stack, *, partitions: int = PARTITIONS) -> Premises:
    """The stack with all topics empty, and with them no offsets committed; objects stay in the bucket.

    Storage announces on the uploads topic: put no object while this runs.
    """
    bootstrap = stack.settings["TAGSTREAM_KAFKA__BROKERS"]
    names = (*topics.ALL, topics.REDRIVEN)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(WITHIN):
            await _delete(admin, names)
    finally:
        await admin.close()
    async with TopicAdmin(bootstrap) as creator, asyncio.timeout(WITHIN):
        await creator.apply(declared(partitions=partitions, replication=1))
    await _has_leaders(bootstrap, topics.UPLOADED)
    return Premises(stack, own_database())


async def renewed(stack: Stack) -> Premises:
    """The same, storage begun anew: what it has to say on a topic just made again it drops for a while."""
    stack.storage.stop()
    try:
        return await fresh(stack)
    finally:
        stack.storage.start()  # for the modules after this one too


async def _has_leaders(bootstrap: str, topic: str) -> None:
    """Return when every partition takes records: the broker learns of a new topic a little later."""
    async with asyncio.timeout(WITHIN):
        while True:
            with suppress(NoTopic):
                async with TopicReader(bootstrap, topic) as reader:
                    await reader.ends()
                    return
            await asyncio.sleep(0.1)


async def _delete(admin: AIOKafkaAdminClient, names: tuple[str, ...]) -> None:
    while there := sorted(set(names) & set(await admin.list_topics())):
        with suppress(UnknownTopicOrPartitionError):
            await admin.delete_topics(there)
        await asyncio.sleep(0.1)
