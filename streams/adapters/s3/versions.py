"""S3 versions of one object: how many there are, and all of them deleted; for an erasure alone.

A deletion without a version leaves, in a bucket that keeps versions, every byte where it was. So each
version is deleted by its id, the deletion markers too. A storage that lists no versions keeps none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import client, errors

_NO_VERSIONS: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
_NULL: Final = "null"
"""The id of what was put while the bucket kept no versions."""


class S3Versions(client.ClientOwner):
    """The objects of the allowed buckets, with all that storage keeps of each."""

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
