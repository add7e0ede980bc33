"""A storage of its own beside a `tagstream serve`: the bucket `photos`, with what a test puts there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from schemas.uploads import Location
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings

BUCKET: Final = "photos"


@contextmanager
def photo_storage(objects: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    """With these objects, by their keys; the settings by which a server finds it."""
    with EmbeddedS3() as storage:
        settings = S3Settings(
            endpoint_url=storage.endpoint_url,
            region="us-east-1",
            buckets=(BUCKET,),
            **dict(storage.credentials),
        )
        asyncio.run(_put(settings, objects))
        yield _named(settings)


async def _put(settings: S3Settings, objects: Mapping[str, bytes]) -> None:
    async with S3Images(settings) as images:
        await images.ensure_bucket(BUCKET)
        for key, data in objects.items():
            await images.put(Location(bucket=BUCKET, key=key), data)


def _named(settings: S3Settings) -> dict[str, object]:
    assert settings.secret_access_key is not None
    return {
        "S3__ENDPOINT_URL": settings.endpoint_url,
        "S3__REGION": settings.region,
        "S3__ACCESS_KEY_ID": settings.access_key_id,
        "S3__SECRET_ACCESS_KEY": settings.secret_access_key.get_secret_value(),
        "S3__BUCKETS": json.dumps(settings.buckets),
    }
