"""S3 object storage, below a prefix of a bucket; writers are told apart by conditional puts.

`If-None-Match: *` and `If-Match` on PutObject are S3's own since 2024; MinIO and versitygw (tried with 1.8.0:
200 races of 24 writers, one winner each) have them too. A storage that ignores them would let two promoters
win, so it is tried before an alias moves (`model.registry.publishing`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Self

from botocore.exceptions import ClientError

from schemas.errors import ConfigurationError, Unavailable
from schemas.objects import LARGEST, Listed, StoredObject
from streams.adapters.s3 import client, errors
from streams.adapters.s3.settings import S3Settings

LOST: Final = frozenset({"PreconditionFailed", "NoSuchKey", "412"})
"""The condition does not hold: something is there, something else is, or nothing is."""
CONFLICT: Final = frozenset({"ConditionalRequestConflict", "409"})
"""Another conditional put of the key was under way; S3 asks to try again."""
TRIES: Final = 6
FIRST_PAUSE: Final = 0.05
"""Seconds, doubled at each conflict, in half at random."""


class S3Objects(client.ClientOwner):
    """The objects of `bucket` whose keys begin with `prefix/`. The deadline holds for each request."""

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        super().__init__(settings)
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        except Unavailable as error:
            raise Unavailable("registry", str(error)) from error

    async def get(self, key: str) -> StoredObject | None:
        """See `Objects.get`."""
        async with self._asking():
            try:
                reply: Any = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if errors.code(error) == "NoSuchKey":
                    return None
                raise
            async with reply["Body"] as body:
                self._refuse_larger(int(reply["ContentLength"]), key)
                return StoredObject(await body.read(), reply["ETag"])

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`."""
        return await self._put(key, data, IfNoneMatch="*")

    async def put_if_match(self, key: str, data: bytes, *, etag: str) -> bool:
        """See `Objects.put_if_match`."""
        return await self._put(key, data, IfMatch=etag)

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        """See `Objects.list`."""
        found: list[Listed] = []
        async with self._asking():
            pages = self._client.get_paginator("list_objects_v2")
            async for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                found += [Listed(e["Key"], e["Size"], e["LastModified"]) for e in page.get("Contents", ())]
        return tuple(sorted(replace(each, key=each.key.removeprefix(self._prefix)) for each in found))

    async def _put(self, key: str, data: bytes, **condition: Any) -> bool:  # noqa: ANN401 - botocore's arguments
        self._refuse_larger(len(data), key)

        async def put() -> bool:
            async with self._asking():
                return await self._put_once(key, data, condition)

        return await _while_in_conflict(put)

    async def _put_once(self, key: str, data: bytes, condition: dict[str, Any]) -> bool:
        try:
            await self._client.put_object(Bucket=self._bucket, Key=self._prefix + key, Body=data, **condition)
        except ClientError as error:
            if errors.code(error) in LOST:
                return False
            raise
        return True

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """For no longer than the deadline; foreign errors leave as ours, a conflict as itself."""
        try:
            async with asyncio.timeout(self._settings.deadline):
                yield
        except errors.FOREIGN as error:
            if isinstance(error, ClientError) and errors.code(error) in CONFLICT:
                raise _Conflict from error
            raise Unavailable("registry", str(errors.unavailable(error))) from error

    def _refuse_larger(self, size: int, key: str) -> None:
        if size > LARGEST:
            where = f"s3://{self._bucket}/{self._prefix}{key}"
            raise ConfigurationError(f"{where}: {size} bytes in one object; {LARGEST} are the most")


class _Conflict(Exception):
    """Another conditional put of the key is under way."""


async def _while_in_conflict(put: Callable[[], Awaitable[bool]]) -> bool:
    for attempt in range(TRIES):
        try:
            return await put()
        except _Conflict:
            await asyncio.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1))
    raise Unavailable("registry", f"s3: {TRIES} times another put of the same object was under way")
