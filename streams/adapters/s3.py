"""Photographs in S3, or in any storage that speaks its protocol.

A location with a version is read at that version. One with an etag alone names no bytes that S3 could
still give once the object was overwritten, so what stands there now is read: the event of the newer
bytes is on its way, and until then the newer bytes are nearer the truth than none. `Fetched.etag` is
always that of the bytes that were read, so that whoever keeps their scores can say which they were.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from ipaddress import ip_address
from math import ceil
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from schemas.errors import ConfigurationError, Gone, Unavailable
from schemas.uploads import Location
from streams.adapters import s3_errors, s3_objects
from streams.adapters.limits import MEBIBYTE, Limits
from streams.adapters.s3_http import StayingSession
from streams.budget import Budget
from streams.ports import Fetched

logging.getLogger("botocore.auth").setLevel(logging.INFO)  # its debug lines hold signatures

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

CHUNK: Final = 256 * 1024
"""Bytes asked of the socket at a time; an object without a stated size is cut off this far past the cap."""

ATTEMPTS: Final = 2
"""Of botocore's own: the second is for a kept-alive connection that the server has closed. Waiting for
a storage that is away is the pipeline's, which then acknowledges nothing."""

CONNECT_SECONDS: Final = 5.0

LONGEST_LINK_SECONDS: Final = 7 * 24 * 60 * 60
"""What the fourth version of AWS's signatures allows."""


class S3Credentials(BaseModel):
    """A key pair; without one the standard chain is asked (environment, profile, instance role)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr | None = None


class S3Settings(Limits):
    """Where the storage is and how much is asked of it at once."""

    endpoint_url: str | None = None
    """None is AWS; with an endpoint, buckets are addressed by path."""
    region: str = "us-east-1"
    credentials: S3Credentials | None = None
    fetch_concurrency: int = Field(default=32, ge=1)
    """Objects fetched at once, and connections kept."""
    bytes_in_flight: int = Field(default=256 * MEBIBYTE, ge=1)
    """Bytes of all objects being read at once."""
    deadline_seconds: float = Field(default=30.0, gt=0)
    """For one object, from the request to its last byte; beyond it the storage is `Unavailable`."""


class S3Images:
    """The images of the allowed buckets. One client a process: entered once, shared by all fetches."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.fetch_concurrency)
        self._stack = AsyncExitStack()
        self._opened: S3Client | None = None
        self.budget = Budget(settings.bytes_in_flight)
        """Bytes being read now, for metrics."""

    async def __aenter__(self) -> Self:
        try:
            session = aioboto3.Session()
            # A client keeps what it has found at its start, were it nothing: it would never sign a request.
            if self._settings.credentials is None:
                await find_credentials(session)
            client = session.client("s3", **client_arguments(self._settings))
            self._opened = await self._stack.enter_async_context(client)
        except s3_errors.CREDENTIALS as error:
            raise s3_errors.unavailable(error) from error
        except (BotoCoreError, ValueError) as error:  # no request is made yet: only a setting can be wrong
            raise ConfigurationError(f"s3: {error}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = None
        await self._stack.aclose()

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
                await self._client.head_object(Bucket=location.bucket, Key=location.key)
        except Gone:
            return False
        return True

    async def link(self, location: Location, *, seconds: float) -> str:
        """See `ImageStore.link`: a presigned GET, good for 7 days at most, whatever `seconds` says.

        Signed here, without a request; it ends with the credentials where those are temporary. Whoever
        has the address may look, so it belongs into no log.
        """
        self._allow(location)
        which = {"Bucket": location.bucket, "Key": location.key, **s3_objects.version_asked(location)}
        lifetime = min(max(1, ceil(seconds)), LONGEST_LINK_SECONDS)
        try:
            return await self._client.generate_presigned_url("get_object", Params=which, ExpiresIn=lifetime)
        except s3_errors.FOREIGN as error:
            raise s3_errors.unavailable(error) from error

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Upload `data`; the location with the etag, and the version where the bucket keeps versions."""
        self._allow(location)
        told = s3_objects.spelled(metadata or {})
        try:
            said = await self._client.put_object(
                Bucket=location.bucket, Key=location.key, Body=data, Metadata=told
            )
        except s3_errors.FOREIGN as error:
            raise s3_errors.unavailable(error) from error
        found = {"etag": s3_objects.etag(said), "version": s3_objects.version(said)}
        return location.model_copy(update=found)

    async def ensure_bucket(self, bucket: str) -> None:
        """Create the bucket unless it is there."""
        try:
            await self._create_bucket(bucket)
        except s3_errors.FOREIGN as error:
            raise s3_errors.unavailable(error) from error

    async def ping(self) -> None:
        """Return when every allowed bucket answers; raise `Unavailable` when one does not."""
        for bucket in sorted(self._settings.allowed_buckets):
            await self._find_bucket(bucket)

    @property
    def _client(self) -> S3Client:
        if self._opened is None:
            raise RuntimeError("the S3 client is not open")
        return self._opened

    def _allow(self, location: Location) -> None:
        """Raise before anything is asked that could be about another bucket."""
        self._settings.allow(location)
        if s3_objects.leads_out(location.key):
            raise Gone(f"{location} is not inside its bucket")

    @asynccontextmanager
    async def _asking(self, location: Location) -> AsyncIterator[None]:
        """One of the slots, for no longer than the deadline; foreign errors leave it as ours."""
        async with self._slots:
            try:
                async with asyncio.timeout(self._settings.deadline_seconds):
                    yield
            except s3_errors.FOREIGN as error:
                if s3_errors.is_bare_404(error):
                    await self._find_bucket(location.bucket)
                raise s3_errors.mapped(error, location) from error

    async def _read(self, location: Location) -> Fetched:
        which: Any = s3_objects.version_asked(location)
        reply: Any = await self._client.get_object(Bucket=location.bucket, Key=location.key, **which)
        size = reply.get("ContentLength", self._settings.max_object_bytes)
        async with reply["Body"]:  # leaving early closes the connection: the rest is never read
            self._settings.admit(location, size)
            async with self.budget.take(size):
                data = await self._drain(reply["Body"], location)
        said = s3_objects.read(reply.get("Metadata", {}))
        return Fetched(data, s3_objects.etag(reply), s3_objects.version(reply), said)

    async def _drain(self, body: Any, location: Location) -> bytes:  # noqa: ANN401 - aiobotocore's proxy
        """The whole body; it raises by itself when it ends before its stated length."""
        whole = BytesIO()  # hands over its bytes without a copy: joined chunks would take twice the budget
        while chunk := await body.read(CHUNK):
            whole.write(chunk)
            self._settings.admit(location, whole.tell())
        return whole.getvalue()

    async def _find_bucket(self, bucket: str) -> None:
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                await self._client.head_bucket(Bucket=bucket)
        except s3_errors.FOREIGN as error:
            raise s3_errors.unavailable(error) from error

    async def _create_bucket(self, bucket: str) -> None:
        where: Any = {}
        if self._settings.region != "us-east-1":  # which S3 wants unsaid
            where = {"CreateBucketConfiguration": {"LocationConstraint": self._settings.region}}
        try:
            await self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if not s3_errors.is_bare_404(error):
                raise
            await self._client.create_bucket(Bucket=bucket, **where)


async def find_credentials(session: Any) -> None:  # noqa: ANN401 - aioboto3's, whose stub forgets the await
    """Return where the standard chain has any; raise `Unavailable` where it has none."""
    if await session.get_credentials() is None:
        raise Unavailable("s3", "no credentials, neither in the settings nor in AWS's standard chain")


def client_arguments(settings: S3Settings) -> dict[str, Any]:
    """What every client of this storage is made with: where it is, who asks, and how patiently."""
    return {"config": _config(settings), **_whereabouts(settings)}


def _whereabouts(settings: S3Settings) -> dict[str, Any]:
    said = {"endpoint_url": settings.endpoint_url, "region_name": settings.region}
    if not (given := settings.credentials):
        return said
    token = given.session_token.get_secret_value() if given.session_token else None
    secret = given.secret_access_key.get_secret_value()
    return said | {
        "aws_access_key_id": given.access_key_id,
        "aws_secret_access_key": secret,
        "aws_session_token": token,
    }


def _config(settings: S3Settings) -> AioConfig:
    return AioConfig(
        http_session_cls=StayingSession,
        signature_version="s3v4",
        max_pool_connections=settings.fetch_concurrency,
        connect_timeout=min(CONNECT_SECONDS, settings.deadline_seconds),
        read_timeout=settings.deadline_seconds,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
        # Checksums in trailers, today's default, are unknown to many storages that speak S3.
        request_checksum_calculation="when_required",
        # An endpoint on this machine is never behind the proxy that the environment names.
        proxies={} if _is_loopback(settings.endpoint_url) else None,
    )


def _is_loopback(endpoint_url: str | None) -> bool:
    host = urlsplit(endpoint_url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
