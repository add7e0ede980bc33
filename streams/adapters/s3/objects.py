"""S3 object storage, below a prefix of a bucket; writers are told apart by conditional puts.

A storage that ignores the conditions would let two promoters win, so it is tried before an alias moves
(`model.registry.publishing`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

from botocore.exceptions import ClientError

from schemas.errors import ConfigurationError, Unavailable
from schemas.objects import LARGEST, Listed, StoredObject
from streams.adapters.s3 import client, conditional, errors
from streams.adapters.s3.settings import S3Settings


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

        async def attempt() -> bool:
            async with self._asking():
                where = {"Bucket": self._bucket, "Key": self._prefix + key}
                return await conditional.put(self._client, **where, Body=data, **condition)

        return await conditional.settled(attempt, dependency="registry")

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """For no longer than the deadline; foreign errors leave as ours."""
        try:
            async with asyncio.timeout(self._settings.deadline):
                yield
        except errors.FOREIGN as error:
            raise Unavailable("registry", str(errors.unavailable(error))) from error

    def _refuse_larger(self, size: int, key: str) -> None:
        if size > LARGEST:
            where = f"s3://{self._bucket}/{self._prefix}{key}"
            raise ConfigurationError(f"{where}: {size} bytes in one object; {LARGEST} are the most")
