"""S3 objects as files: read a range at a time, of one content alone, and put where nothing stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from schemas.errors import Changed, Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import conditional, errors, integrity, listing
from streams.adapters.s3.keys import S3Keys
from streams.adapters.s3.ranges import ByteRange
from streams.ports import ObjectFacts

_BEYOND: Final = frozenset({"InvalidRange", "416"})
"""The object ends before the first byte that was asked for."""


class S3Files(S3Keys):
    """The objects of the allowed buckets. One client a process: entered once, shared by all calls."""

    async def facts(self, location: Location) -> ObjectFacts | None:
        """See `ObjectFiles.facts`."""
        try:
            self._allow(location)
            async with self._answered(location):
                reply = await self._client.head_object(Bucket=location.bucket, Key=location.key)
        except Gone:
            return None
        integrity.refuse_page(reply, location)
        etag, size = listing.etag(reply), reply.get("ContentLength")
        if etag is None or size is None:
            raise Unavailable("s3", f"{location}: the answer says no etag, or no size")
        return ObjectFacts(etag, size, listing.read(reply.get("Metadata", {})))

    async def read(self, location: Location, *, begin: int, end: int) -> bytes:
        """See `ObjectFiles.read`."""
        self._allow(location)
        if begin >= end:
            return b""
        asked = ByteRange(begin, end)
        async with self._answered(location):
            try:
                return await self._read(location, asked)
            except ClientError as error:
                if location.etag and errors.code(error) in conditional.LOST:
                    raise _changed(location) from error
                if errors.code(error) not in _BEYOND:
                    raise
        return await self._beyond(location, asked)

    async def put_new(self, location: Location, data: bytes, *, metadata: Mapping[str, str]) -> bool:
        """See `ObjectFiles.put_new`. The deadline is that of each try."""
        self._allow(location)
        where = {"Bucket": location.bucket, "Key": location.key}
        told = listing.spelled(metadata)

        async def attempt() -> bool:
            async with self._answered(location):
                return await conditional.put(self._client, **where, Body=data, Metadata=told, IfNoneMatch="*")

        return await conditional.settled(attempt, dependency="s3")

    async def _read(self, location: Location, asked: ByteRange) -> bytes:
        wanted: Any = {"IfMatch": f'"{location.etag}"'} if location.etag else {}
        reply: Any = await self._client.get_object(
            Bucket=location.bucket, Key=location.key, Range=str(asked), **wanted
        )
        async with reply["Body"] as body:  # leaving early closes the connection: the rest is never read
            integrity.refuse_page(reply, location)
            _refuse_another(location, listing.etag(reply))
            length = asked.length(reply, location)
            data: bytes = await body.read()
        if len(data) != length:
            raise Unavailable("s3", f"{location}: {len(data)} bytes of {length} came")
        if asked.is_whole(reply):
            await integrity.verify(data, reply, location, etag_is_md5=self._settings.etag_is_md5)
        return data

    async def _beyond(self, location: Location, asked: ByteRange) -> bytes:
        """Nothing, once it is sure whose end it is: a storage may look at the range before the etag."""
        found = await self.facts(location)
        if found is None:
            raise Gone(f"{location} does not exist")
        _refuse_another(location, found.etag)
        if found.size > asked.begin:
            raise Unavailable("s3", f"{location}: {asked} was refused, of {found.size} bytes")
        return b""


def _refuse_another(location: Location, etag: str | None) -> None:
    """Raise where that is not the etag of the content that is meant: not every storage obeys `If-Match`."""
    if location.etag and etag != location.etag:
        raise _changed(location)


def _changed(location: Location) -> Changed:
    return Changed(f"{location} is not what it was: its etag is not {location.etag} any more")
