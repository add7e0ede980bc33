"""Photographs into S3, and their events onto the uploads topic: what `tagstream upload` does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from operations import photographs
from schemas.errors import ConfigurationError, Gone, Rejected
from schemas.uploads import ImageUploaded, Location

SCHEME: Final = "s3://"

AT_ONCE: Final = 4
"""Photographs on their way, and in memory."""

_LONGEST_KEY: Final = 1024
_RESTAURANT: Final = "restaurant-id"
"""The object's metadata that says whose it is, for whoever hears of it from the storage itself."""


class Storage(Protocol):
    """Where photographs are put."""

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Make the object hold `data`; its location with its etag."""

    async def exists(self, location: Location) -> bool:
        """Whether there is an object."""


class EventPublisher(Protocol):
    """Where their events go."""

    async def publish(self, *uploads: ImageUploaded) -> None:
        """Publish all of them, in order."""


@dataclass(frozen=True, slots=True)
class Source:
    """One photograph that is to be tagged."""

    name: str
    """What the user calls it."""
    location: Location
    path: Path | None
    """Its file; None where it lies in S3 already."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A photograph whose event is published."""

    source: Source
    upload: ImageUploaded

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        location = self.upload.location
        return {
            "name": self.source.name,
            "image_id": self.upload.image_id,
            "location": str(location),
            "etag": location.etag,
            "event_id": self.upload.event_id,
        }


@dataclass(frozen=True, slots=True)
class NotSent:
    """A photograph that cannot be uploaded, and why."""

    source: Source
    error: Rejected

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        return {"name": self.source.name, "error": {"code": self.error.code, "message": str(self.error)}}


def sources(given: Sequence[str], *, bucket: str, prefix: str) -> tuple[Source, ...]:
    """What to upload: files, the photographs in folders, and objects that are in S3 already.

    Raises:
        ConfigurationError: there is nothing, or two files would become one object.
    """
    found = tuple(source for each in given for source in _sources(each, bucket=bucket, prefix=prefix))
    if not found:
        raise ConfigurationError("no photographs there; name a file to have it tried whatever it is called")
    by_key: dict[Location, Source] = {}
    for source in found:
        if (other := by_key.setdefault(source.location, source)).path != source.path:
            raise ConfigurationError(
                f"{other.name} and {source.name} would both become {source.location}; "
                "upload the folder that holds both, or one at a time with --prefix"
            )
    return tuple(by_key.values())


def is_object(given: str) -> bool:
    """Whether it is the address of an object, and no path."""
    return given.startswith(SCHEME)


def _sources(given: str, *, bucket: str, prefix: str) -> Iterator[Source]:
    if is_object(given):
        yield Source(given, address(given), None)
        return
    path = Path(given)
    folder = path if path.is_dir() else path.parent
    for file in photographs.below(path) if path.is_dir() else (path,):
        key = "/".join(part for part in (prefix.strip("/"), file.relative_to(folder).as_posix()) if part)
        yield Source(str(file), Location(bucket=bucket, key=_readable(key)), file)


def address(given: str) -> Location:
    """The object that `s3://bucket/key` names; raises `ConfigurationError`."""
    bucket, _, key = given.removeprefix(SCHEME).partition("/")
    if not given.startswith(SCHEME) or not bucket or not key:
        raise ConfigurationError(f"{given}: not the address of an object, as in s3://photos/lunch.jpg")
    return Location(bucket=bucket, key=key)


def _readable(key: str) -> str:
    """The key as Unicode; a file's name may be none, and then `Uploader` refuses the file."""
    if len(os.fsencode(key)) > _LONGEST_KEY:
        raise ConfigurationError(f"{key[:80]}...: an S3 key has at most {_LONGEST_KEY:,} bytes")
    return os.fsencode(key).decode(errors="replace")


class Uploader:
    """Puts photographs into S3 and says so. The same file under the same key is the same image again."""

    def __init__(
        self, storage: Storage, publisher: EventPublisher, *, restaurant: str | None, max_bytes: int
    ) -> None:
        self._storage = storage
        self._publisher = publisher
        self._restaurant = restaurant
        self._max_bytes = max_bytes

    async def upload(self, chosen: Sequence[Source]) -> AsyncGenerator[Sent | NotSent, None]:
        """What became of each of `chosen`, as each is done. Close it: it owns the tasks that it started."""
        waiting = iter(chosen)
        pending = {self._start(source) for source in islice(waiting, AT_ONCE)}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                pending |= {self._start(source) for source in islice(waiting, len(done))}
                for task in done:
                    yield task.result()
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def _start(self, source: Source) -> asyncio.Task[Sent | NotSent]:
        return asyncio.create_task(self._send(source))

    async def _send(self, source: Source) -> Sent | NotSent:
        try:
            location = await self._there(source)
        except Rejected as error:
            return NotSent(source, error)
        facts = {"location": location, "restaurant_id": self._restaurant, "uploaded_at": datetime.now(UTC)}
        upload = ImageUploaded.model_validate(facts)
        await self._publisher.publish(upload)
        return Sent(source, upload)

    async def _there(self, source: Source) -> Location:
        """Where the photograph is, put there first if it is a file; raises `Rejected`."""
        if source.path is None:
            if not await self._storage.exists(source.location):
                raise Gone(f"{source.location} does not exist")
            return source.location
        _refuse_name(source.path)
        data = await asyncio.to_thread(photographs.read, source.path, max_bytes=self._max_bytes)
        metadata = {_RESTAURANT: self._restaurant} if self._restaurant else {}
        return await self._storage.put(source.location, data, metadata=metadata)


def _refuse_name(path: Path) -> None:
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise photographs.Unreadable("its name is not UTF-8, which S3's keys are; rename it") from error
