"""Bulk fetch: objects out of storage into a folder, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from agents.wiring.backends import s3_settings
from agents.wiring.settings import Settings, blame
from model.data import gather
from model.data.progress import Tick, silent
from operations import object_address
from schemas.errors import ConfigurationError, NotAllowed, Rejected
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.ports import Fetched, ImageStore

AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of each address."""

    files: Mapping[str, Path] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why an object could not be had."""


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[S3Images]:
    """The object storage that the settings name."""
    async with AsyncExitStack() as stack:
        with blame("TAGSTREAM_S3__ENDPOINT_URL"):
            images = await stack.enter_async_context(S3Images(s3_settings(settings)))
        yield images


def location(address: str) -> Location:
    """The object that `s3://bucket/key` names; raises `ConfigurationError`."""
    return object_address.parse(address, example="s3://photos/labels.csv")


async def fetch(images: ImageStore, where: Location) -> Fetched:
    """The object; raises as `ImageStore.fetch`, but a bucket off the allow-list is a wrong setting."""
    try:
        return await images.fetch(where)
    except NotAllowed as error:
        raise ConfigurationError(
            f"TAGSTREAM_S3__BUCKETS: it does not name the bucket {where.bucket!r} of {where}"
        ) from error


async def bring(images: ImageStore, addresses: Sequence[str], *, into: Path, tick: Tick = silent) -> Brought:
    """The objects as files in `into`; what is gone or too large is said. Raises `Unavailable`."""
    files: dict[str, Path] = {}
    refused: dict[str, str] = {}

    async def one(address: str) -> None:
        try:
            fetched = await fetch(images, location(address))
        except Rejected as error:
            refused[address] = str(error)
        else:
            files[address] = await asyncio.to_thread(keep, fetched.data, address, into=into)
        tick("fetching from object storage", len(files) + len(refused), len(addresses))

    await gather.gather_bounded(addresses, one, at_once=AT_ONCE)
    return Brought(files, refused)


def keep(data: bytes, address: str, *, into: Path) -> Path:
    """A file of these bytes; its name is made of the address, which may be longer than a name can be."""
    suffix = PurePosixPath(address).suffix[:8]
    file = into / f"{sha256(address.encode()).hexdigest()[:40]}{suffix if suffix[1:].isalnum() else ''}"
    file.write_bytes(data)
    return file
