"""Photographs into storage, all of them announced before anything else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from agents.wiring.backends import s3_settings
from agents.wiring.settings import Settings
from deploy.stack.stack import BUCKET, Stack
from schemas import topics
from schemas.uploads import Location
from streams.adapters.kafka.reader import read_all
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings

WITHIN = 60.0
"""Seconds for storage to announce them; some may have been lost with a topic that was deleted."""


async def put_all(stack: Stack, photographs: Mapping[str, bytes]) -> None:
    """Put them by their keys, and wait until storage has announced all: what comes later would be work."""
    bootstrap = stack.settings["TAGSTREAM_KAFKA__BROKERS"]
    before = len(await read_all(bootstrap, topics.UPLOADED))
    async with S3Images(s3_of(stack)) as storage:
        places = asyncio.Semaphore(16)

        async def put(key: str, data: bytes) -> None:
            async with places:
                await storage.put(Location(bucket=BUCKET, key=key), data)

        await asyncio.gather(*(put(key, data) for key, data in photographs.items()))
    with suppress(TimeoutError):
        async with asyncio.timeout(WITHIN):
            while len(await read_all(bootstrap, topics.UPLOADED)) < before + len(photographs):
                await asyncio.sleep(0.5)


def s3_of(stack: Stack) -> S3Settings:
    """The adapter's settings, as a worker's environment gives them."""
    said = stack.settings
    given = {
        "endpoint_url": said["TAGSTREAM_S3__ENDPOINT_URL"],
        "region": said["TAGSTREAM_S3__REGION"],
        "access_key_id": said["TAGSTREAM_S3__ACCESS_KEY_ID"],
        "secret_access_key": said["TAGSTREAM_S3__SECRET_ACCESS_KEY"],
        "buckets": [BUCKET],
    }
    return s3_settings(Settings.model_validate({"s3": given}))
