"""S3 client factory and owner: settings, transport and retries, as every adapter of S3 opens one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader

from schemas.errors import ConfigurationError, Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import errors, listing
from streams.adapters.s3.session import StayingSession
from streams.adapters.s3.settings import S3Settings

logging.getLogger("botocore.auth").setLevel(logging.INFO)  # its debug lines hold signatures

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

ATTEMPTS: Final = 2
"""Of botocore's own: the second is for one bad answer. Waiting for a storage that is away is the pipeline's,
which then acknowledges nothing; kept connections that were dropped are the session's."""

CONNECT_SECONDS: Final = 5.0

REGION: Final = "us-east-1"
"""Where none is named: S3's own default, and what storages that know no regions are told."""


class ClientOwner:
    """Whoever opens a client of its own, and closes it: one a process, entered once."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._opened: S3Client | None = None

    async def __aenter__(self) -> Self:
        self._opened = await opened(self._stack, self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._opened = None
        await self._stack.aclose()

    @property
    def _client(self) -> S3Client:
        if self._opened is None:
            raise RuntimeError("the S3 client is not open")
        return self._opened

    def _allow(self, location: Location) -> None:
        """Raise before anything is asked that could be about another bucket."""
        self._settings.allow(location)
        if listing.leads_out(location.key):
            raise Gone(f"{location} is not inside its bucket")

    @asynccontextmanager
    async def _answered(self, location: Location) -> AsyncIterator[None]:
        """What is asked of the object, for no longer than the deadline; foreign errors leave as ours."""
        try:
            async with asyncio.timeout(self._settings.deadline):
                yield
        except errors.FOREIGN as error:
            if errors.is_bare_404(error):
                await self._find_bucket(location.bucket)
            raise errors.mapped(error, location) from error

    async def _find_bucket(self, bucket: str) -> None:
        """Return where the bucket answers; raise `Unavailable` where it does not."""
        try:
            async with asyncio.timeout(self._settings.deadline):
                await self._client.head_bucket(Bucket=bucket)
        except errors.FOREIGN as error:
            raise errors.unavailable(error) from error


async def opened(stack: AsyncExitStack, settings: S3Settings) -> S3Client:
    """A client that `stack` closes. No request is made yet.

    Raises `Unavailable` where nobody gives credentials now, `ConfigurationError` for settings of no storage.
    """
    try:
        session = _session()
        # A client keeps what it has found at its start, were it nothing: it would never sign a request.
        if settings.access_key_id is None:
            await _find_credentials(session)
        client = session.client("s3", config=_config(settings), **_whereabouts(settings))
        return await stack.enter_async_context(client)
    except errors.CREDENTIALS as error:
        raise errors.unavailable(error) from error
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"s3: {error}") from error


def _session() -> aioboto3.Session:
    session = AioSession()
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))
    return aioboto3.Session(botocore_session=session)


@cache
def _descriptions(path: str | None) -> Loader:
    """What AWS says of its services: megabytes of JSON, read once a process and not by every client."""
    return create_loader(path)


async def _find_credentials(session: Any) -> None:  # noqa: ANN401 - aioboto3's, whose stub forgets the await
    """Return where the standard chain has any; raise `Unavailable` where it has none."""
    if await session.get_credentials() is None:
        raise Unavailable("s3", "no credentials, neither in the settings nor in AWS's standard chain")


def _whereabouts(settings: S3Settings) -> dict[str, Any]:
    where = {"endpoint_url": settings.endpoint_url, "region_name": settings.region or REGION}
    if not (settings.access_key_id and settings.secret_access_key):
        return where
    return where | {
        "aws_access_key_id": settings.access_key_id.get_secret_value(),
        "aws_secret_access_key": settings.secret_access_key.get_secret_value(),
    }


def _config(settings: S3Settings) -> AioConfig:
    return AioConfig(
        http_session_cls=StayingSession,
        signature_version="s3v4",
        max_pool_connections=settings.concurrency,
        connect_timeout=min(CONNECT_SECONDS, settings.deadline),
        read_timeout=settings.deadline,
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
