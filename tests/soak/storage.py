"""An S3 client as producers have one: it tries again until storage has acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.ledger import Ledger
from tests.soak.plan import BUCKET

PATIENCE: Final = 60.0
"""Seconds for an answer: longer than storage is frozen, so that no request is given up and comes late."""
_PAUSE: Final = 0.3


class Storage:
    """Puts and removes, and writes down in the ledger what was acknowledged."""

    def __init__(self, client: Any, ledger: Ledger) -> None:
        self._client = client
        self._ledger = ledger

    async def put(self, key: str, data: bytes) -> None:
        """`data` stands at `key`, and was announced once or more."""
        began = datetime.now(UTC)
        await _until_acknowledged(lambda: self._client.put_object(Bucket=BUCKET, Key=key, Body=data))
        self._ledger.was_put(key, data, began=began)

    async def remove(self, key: str) -> None:
        """Nothing stands at `key`."""
        began = datetime.now(UTC)
        await _until_acknowledged(lambda: self._client.delete_object(Bucket=BUCKET, Key=key))
        self._ledger.was_removed(key, began=began)


@asynccontextmanager
async def opened(settings: Mapping[str, str], ledger: Ledger) -> AsyncIterator[Storage]:
    """The storage that the stack's settings name."""
    config = AioConfig(
        signature_version="s3v4",
        max_pool_connections=64,
        read_timeout=PATIENCE,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        proxies={},
    )
    async with aioboto3.Session().client(
        "s3",
        config=config,
        endpoint_url=settings["TAGSTREAM_S3__ENDPOINT_URL"],
        region_name=settings["TAGSTREAM_S3__REGION"],
        aws_access_key_id=settings["TAGSTREAM_S3__ACCESS_KEY_ID"],
        aws_secret_access_key=settings["TAGSTREAM_S3__SECRET_ACCESS_KEY"],
    ) as client:
        yield Storage(client, ledger)


async def _until_acknowledged(ask: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await ask()
        except (BotoCoreError, ClientError, OSError):
            await asyncio.sleep(_PAUSE)
        else:
            return
