"""Every place for objects, opened for a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from pydantic import SecretStr

from deploy.stack.stack import Stack
from schemas.objects import Objects
from streams.adapters.objects_folder import FolderObjects
from streams.adapters.objects_memory import MemoryObjects
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.objects import S3Objects
from streams.adapters.s3.settings import S3Settings

Opener = Callable[[AsyncExitStack, pytest.FixtureRequest], Awaitable[Objects]]


async def _memory(_stack: AsyncExitStack, _request: pytest.FixtureRequest) -> Objects:
    return MemoryObjects()


async def _folder(stack: AsyncExitStack, request: pytest.FixtureRequest) -> Objects:
    root: Path = request.getfixturevalue("tmp_path")
    return await stack.enter_async_context(FolderObjects(root / "not" / "made yet"))


def s3_settings(kind: str, request: pytest.FixtureRequest, *buckets: str) -> S3Settings:
    """The embedded endpoint, or that of the stack."""
    if kind == "s3":
        endpoint: EmbeddedS3 = request.getfixturevalue("s3")
        return S3Settings(endpoint_url=endpoint.endpoint_url, buckets=buckets, **dict(endpoint.credentials))
    servers: Stack = request.getfixturevalue("stack")
    return S3Settings(
        endpoint_url=servers.settings["TAGSTREAM_S3__ENDPOINT_URL"],
        access_key_id=SecretStr(servers.credentials.user),
        secret_access_key=SecretStr(servers.credentials.s3_secret),
        buckets=buckets,
    )


async def _s3(stack: AsyncExitStack, request: pytest.FixtureRequest) -> Objects:
    return await _over(s3_settings("s3", request), stack)


async def _versitygw(stack: AsyncExitStack, request: pytest.FixtureRequest) -> Objects:
    return await _over(s3_settings("versitygw", request), stack)


async def _over(where: S3Settings, stack: AsyncExitStack) -> Objects:
    bucket = f"models-{uuid4().hex}"
    allowed = where.model_copy(update={"buckets": (bucket,)})
    async with S3Images(allowed) as images:
        await images.ensure_bucket(bucket)
    return await stack.enter_async_context(S3Objects(bucket, "team/registry/", where))


OPENERS: Final[dict[str, Opener]] = {
    "memory": _memory,
    "folder": _folder,
    "s3": _s3,
    "versitygw": _versitygw,
}
PLACES: Final = ["memory", "folder", "s3", pytest.param("versitygw", marks=pytest.mark.real)]
