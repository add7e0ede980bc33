"""The topic of the latest tags after the broker's cleaner has been through it."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import DefaultPartitioner

from schemas import topics
from schemas.events import TagsHeld
from schemas.records import ImageHead, State
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.reader import TopicReader
from streams.message import Message
from tests.e2e.fleet import Fleet
from tests.real import group
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.pictures import picture
from tests.real.premises import PARTITIONS, Premises
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(500)]

EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.0",
    "delete.retention.ms": "0",
}
"""A cleaner that waits for nothing; how often it looks is a setting of the stack's broker."""
KEPT = [f"r1/kept-{number}.jpg" for number in range(8)]
DELETED = [f"r1/deleted-{number}.jpg" for number in range(4)]


async def test_of_every_image_the_cleaner_leaves_what_the_store_says_and_of_the_deleted_nothing(
    premises: Premises, bucket: Bucket, fleet: Fleet, findings: Findings, tell: Tell
) -> None:
    assert await is_compacted_as_declared(premises)
    await clean_eagerly(premises)
    worker = fleet.start()
    for label in ("menu", "human", "ambiance"):
        for key in KEPT + DELETED:
            bucket.put(key, picture(label, of=key))
        await findings.all_until(KEPT + DELETED, lambda head, label=label: shows(head, label))  # type: ignore[misc]
    bucket.delete(*DELETED)
    await findings.all_until(DELETED, lambda head: head.state is State.DELETED)
    stirred = await stir_until_clean(premises, bucket, findings)
    assert await asyncio.to_thread(worker.stop, 40) == 0
    left = await latest(premises)
    written = sum((await ends(premises)).values())
    tell(f"compaction: {written} records written, {len(left)} left")
    assert len(left) < written
    heads = {head.image_id: head for head in (await findings.heads()).values()}
    assert {head.location.key for head in heads.values()} == {*KEPT, *DELETED, *stirred}
    standing = {image for image, head in heads.items() if head.state is not State.DELETED}
    assert sorted((message.key or b"").decode() for message in left) == sorted(standing)
    for message in left:
        held = TagsHeld.model_validate_json(message.value or b"")
        head = heads[held.image_id]
        assert head.verdict
        assert held.tags == tuple(tag for tag in head.verdict.tags if tag.tagged)
        assert (held.state, held.position, held.revision) == (head.state, head.position, head.revision)


def shows(head: ImageHead, label: str) -> bool:
    return head.verdict is not None and [tag.label for tag in head.verdict.tags if tag.tagged] == [label]


async def is_compacted_as_declared(premises: Premises) -> bool:
    async with TopicAdmin(premises.bootstrap) as admin:
        (state,) = await admin.topics([topics.LATEST])
    return state.config is not None and state.config["cleanup.policy"] == "compact"


async def clean_eagerly(premises: Premises) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=premises.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.LATEST, EAGER)])
    finally:
        await admin.close()


async def stir_until_clean(premises: Premises, bucket: Bucket, findings: Findings) -> list[str]:
    """Put photographs until each image has one record and no tombstone is left; the keys put.

    The segment that is written to is never cleaned, and a new one begins only when something is
    written: hence one photograph after the other for every partition.
    """
    put: list[str] = []
    async with asyncio.timeout(WITHIN):
        while not is_clean(await latest(premises)):
            fresh = [one_for(partition, len(put), findings) for partition in range(PARTITIONS)]
            for key in fresh:
                bucket.put(key, picture("food", of=key))
            put += fresh
            await findings.all_until(fresh)
            await asyncio.sleep(1)
    await group.done(premises.bootstrap)
    return put


def is_clean(messages: list[Message]) -> bool:
    keys = [message.key for message in messages]
    return len(keys) == len(set(keys)) and all(message.value is not None for message in messages)


def one_for(partition: int, start: int, findings: Findings) -> str:
    """A key whose image's events go to that partition."""
    every = list(range(PARTITIONS))
    choose = DefaultPartitioner()
    for number in count():
        key = f"r1/stir-{start}-{number}.jpg"
        if choose(findings.image(key).encode(), every, every) == partition:
            return key
    raise AssertionError


async def latest(premises: Premises) -> list[Message]:
    """What somebody reads who comes new to the topic."""
    async with TopicReader(premises.bootstrap, topics.LATEST) as reader:
        return [message async for message in reader.read()]


async def ends(premises: Premises) -> dict[int, int]:
    async with TopicReader(premises.bootstrap, topics.LATEST) as reader:
        return await reader.ends()
