"""S3 image store: photographs in S3, or in any storage that speaks its protocol.

A location with a version is read at that version. One with an etag alone names no bytes that S3 could
still give once the object was overwritten, so what stands there now is read: the event of the newer
bytes is on its way, and until then the newer bytes are nearer the truth than none. `Fetched.etag` is
always that of the bytes that were read, so that whoever keeps their scores can say which they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from math import ceil
from typing import Any, Final, Self

from botocore.exceptions import ClientError

from schemas.errors import Gone
from schemas.uploads import Location
from streams.adapters.s3 import client, errors, integrity, listing
from streams.adapters.s3.budget import ByteSemaphore
from streams.adapters.s3.direct import DirectReads
from streams.adapters.s3.settings import S3Settings
from streams.ports import Fetched

CHUNK: Final = 256 * 1024
"""Bytes asked of the socket at a time; an object without a stated size is cut off this far past the cap."""

LONGEST_LINK_SECONDS: Final = 7 * 24 * 60 * 60
"""What the fourth version of AWS's signatures allows."""


class S3Images(client.ClientOwner):
    """The images of the allowed buckets. One client a process: entered once, shared by all fetches."""

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings)
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._reads = DirectReads()
        self.budget = ByteSemaphore(settings.bytes_in_flight)
        """Bytes being read now, for metrics."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._reads.watch(self._client)
        return self

    async def fetch(self, location: Location) -> Fetched:
        """See `ImageStore.fetch`. Waits for one of the slots; the deadline runs from then on."""
        self._allow(location)
        async with self._asking(location):
            return await self._read(location)

    async def exists(self, location: Location) -> bool:
        """See `ImageStore.exists`."""
        try:
            self._allow(location)
            async with self._asking(location):
                reply = await self._client.head_object(Bucket=location.bucket, Key=location.key)
                integrity.refuse_page(reply, location)
        except Gone:
            return False
        return True

    async def link(self, location: Location, *, seconds: float) -> str:
        """See `ImageStore.link`: a presigned GET, good for 7 days at most, whatever `seconds` says.

        Signed here, without a request; it ends with the credentials where those are temporary. Whoever
        has the address may look, so it belongs into no log.
        """
        self._allow(location)
        which = {"Bucket": location.bucket, "Key": location.key, **listing.version_asked(location)}
        lifetime = min(max(1, ceil(seconds)), LONGEST_LINK_SECONDS)
        try:
            return await self._client.generate_presigned_url("get_object", Params=which, ExpiresIn=lifetime)
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Upload `data`; the location with the etag, and the version where the bucket keeps versions."""
        self._allow(location)
        told = listing.spelled(metadata or {})
        try:
            answer = await self._client.put_object(
                Bucket=location.bucket, Key=location.key, Body=data, Metadata=told
            )
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error
        found = {"etag": listing.etag(answer), "version": listing.version(answer)}
        return location.model_copy(update=found)

    async def remove(self, location: Location) -> None:
        """Delete what stands there, if anything does; a bucket that keeps versions keeps those of before."""
        self._allow(location)
        try:
            async with asyncio.timeout(self._settings.deadline):
                await self._client.delete_object(Bucket=location.bucket, Key=location.key)
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error

    async def ensure_bucket(self, bucket: str) -> None:
        """Create the bucket unless it is there."""
        try:
            await self._create_bucket(bucket)
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error

    async def ping(self) -> None:
        """Return when every allowed bucket answers; raise `Unavailable` when one does not."""
        for bucket in sorted(self._settings.buckets):
            await self._find_bucket(bucket)

    @asynccontextmanager
    async def _asking(self, location: Location) -> AsyncIterator[None]:
        """One of the slots, and an answer in it."""
        async with self._slots, self._answered(location):
            yield

    async def _read(self, location: Location) -> Fetched:
        reply = await self._get(location)
        size = reply.get("ContentLength", self._settings.max_object_bytes)
        async with reply["Body"]:  # leaving early closes the connection: the rest is never read
            integrity.refuse_page(reply, location)
            self._settings.admit(location, size)
            async with self.budget.take(size):
                data = await self._drain(reply["Body"], location)
                digest = await integrity.verify(data, reply, location, etag_is_md5=self._settings.etag_is_md5)
        metadata = listing.read(reply.get("Metadata", {}))
        return Fetched(data, listing.etag(reply), listing.version(reply), metadata, digest)

    async def _get(self, location: Location) -> Any:  # noqa: ANN401 - aiobotocore's answer, with its body
        try:
            return await self._reads.get(self._client, location, version=location.version)
        except ClientError as error:
            if not location.version or not errors.is_no_version(error):
                raise
            standing: Any = await self._reads.get(self._client, location, version=None)
            if listing.version(standing) is None:
                return standing  # the bucket keeps no versions: the event is of a storage before it
            standing["Body"].close()
            raise

    async def _drain(self, body: Any, location: Location) -> bytes:  # noqa: ANN401 - aiobotocore's proxy
        """The whole body; it raises by itself when it ends before its stated length."""
        whole = BytesIO()  # hands over its bytes without a copy: joined chunks would take twice the budget
        while chunk := await body.read(CHUNK):
            whole.write(chunk)
            self._settings.admit(location, whole.tell())
        return whole.getvalue()

    async def _create_bucket(self, bucket: str) -> None:
        where: Any = {}
        if self._settings.region not in {None, client.REGION}:  # which S3 wants unsaid
            where = {"CreateBucketConfiguration": {"LocationConstraint": self._settings.region}}
        try:
            await self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if not errors.is_bare_404(error):
                raise
            await self._client.create_bucket(Bucket=bucket, **where)
