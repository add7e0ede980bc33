"""The workers' group, seen from outside: who is in it, and how far it is with the uploads."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from schemas import topics
from streams.adapters.kafka.lag import LaneProgress
from tests.real.findings import WITHIN

GROUP = "tagstream"


async def settled(bootstrap: str, members: int) -> None:
    """Return when the group is of that many members, and all of them have their partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(WITHIN):
            while await _standing(admin) != ("Stable", members):
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def _standing(admin: Any) -> tuple[str, int]:
    """What the coordinator calls the group's state, and how many are in it."""
    (reply,) = await admin.describe_consumer_groups([GROUP])
    ((_, _, state, _, _, members, *_),) = reply.groups
    return state, len(members)


async def done(bootstrap: str) -> None:
    """Return when all uploads of now are committed."""
    async with LaneProgress(bootstrap, topics.UPLOADED, GROUP) as progress, asyncio.timeout(WITHIN):
        while await progress.left():
            await asyncio.sleep(0.2)
