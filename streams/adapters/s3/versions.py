"""S3 versions of one object: how many there are, and all of them deleted; for an erasure alone.

A deletion without a version leaves, in a bucket that keeps versions, every byte where it was. So each
version is deleted by its id, the deletion markers too. A storage that lists no versions keeps none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import ClientError

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import client, errors
from streams.adapters.s3.settings import S3Settings

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

_NO_VERSIONS: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
_NULL: Final = "null"
"""The id of what was put while the bucket kept no versions."""


class S3Versions:
    """The objects of the allowed buckets, with all that storage keeps of each."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._opened: S3Client | None = None

    async def __aenter__(self) -> Self:
        self._opened = await client.opened(self._stack, self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._opened = None
        await self._stack.aclose()

    async def standing(self, location: Location) -> int:
        """See `ObjectVersions.standing`."""
        async with self._asking(location):
            versions, _ = await self._listed(location)
        return len(versions)

    async def delete(self, location: Location) -> int:
        """See `ObjectVersions.delete`."""
        async with self._asking(location):
            versions, markers = await self._listed(location)
            for version in (*versions, *markers):
                await self._delete(location, version)
            left, _ = await self._listed(location)
        if left:
            raise Unavailable("s3", f"{len(left)} versions still stand after their deletion")
        return len(versions)

    async def _listed(self, location: Location) -> tuple[list[str | None], list[str | None]]:
        """The ids of the object's versions, and those of its deletion markers."""
        versions: list[str | None] = []
        markers: list[str | None] = []
        pages = self._client.get_paginator("list_object_versions")
        try:
            async for page in pages.paginate(Bucket=location.bucket, Prefix=location.key):
                versions += _of(location, page.get("Versions", ()))
                markers += _of(location, page.get("DeleteMarkers", ()))
        except ClientError as error:
            if errors.code(error) not in _NO_VERSIONS:
                raise
            return ([None] if await self._is_there(location) else []), []
        return versions, markers

    async def _is_there(self, location: Location) -> bool:
        try:
            await self._client.head_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            if errors.is_bare_404(error):
                return False
            raise
        return True

    async def _delete(self, location: Location, version: str | None) -> None:
        which: dict[str, Any] = {} if version is None else {"VersionId": version}
        try:
            await self._client.delete_object(Bucket=location.bucket, Key=location.key, **which)
        except ClientError as error:
            if version != _NULL or errors.code(error) not in {"InvalidArgument", "NoSuchVersion"}:
                raise
            await self._client.delete_object(Bucket=location.bucket, Key=location.key)

    @property
    def _client(self) -> S3Client:
        if self._opened is None:
            raise RuntimeError("the S3 client is not open")
        return self._opened

    @asynccontextmanager
    async def _asking(self, location: Location) -> AsyncIterator[None]:
        self._settings.allow(location)
        try:
            async with asyncio.timeout(self._settings.deadline):
                yield
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error


def _of(location: Location, listed: Any) -> list[str | None]:  # noqa: ANN401 - botocore's own loose document
    """The ids of those that are this object: a listing is of all keys that begin so."""
    return [each.get("VersionId") for each in listed if each["Key"] == location.key]
