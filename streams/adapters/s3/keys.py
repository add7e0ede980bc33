"""S3 keys below a prefix, a page at a time: whoever goes through a bucket can go on behind the last one."""

from __future__ import annotations

import asyncio

from schemas.uploads import Location
from streams.adapters.s3 import client, errors


class S3Keys(client.ClientOwner):
    """The keys of the allowed buckets."""

    async def keys(self, bucket: str, prefix: str, *, after: str = "", limit: int = 500) -> tuple[str, ...]:
        """See `ObjectKeys.keys`."""
        self._settings.allow(Location(bucket=bucket, key=prefix or "/"))
        try:
            async with asyncio.timeout(self._settings.deadline):
                page = await self._client.list_objects_v2(
                    Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=limit
                )
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error
        return tuple(each["Key"] for each in page.get("Contents", ()))
