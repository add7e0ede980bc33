"""Folder adapter of the image store: each bucket is a folder below it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from schemas.errors import ConfigurationError, Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.ports import Fetched

_NO_SUCH_FILE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
)


class FolderImages:
    """The files of `root`, read in worker threads. No key and no link leads out of its bucket's folder.

    A folder keeps one content of a file and nothing beside it: a location's version and etag are not
    looked at, and there is no metadata. The etag is the one that S3 gives an object put in one piece.
    """

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root = root
        self._limits = limits

    async def __aenter__(self) -> Self:
        if not await asyncio.to_thread(self._root.is_dir):
            raise ConfigurationError(f"{self._root} is not a folder")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def fetch(self, location: Location) -> Fetched:
        """See `ImageStore.fetch`."""
        self._limits.allow(location)
        return await asyncio.to_thread(self._read, location)

    async def exists(self, location: Location) -> bool:
        """See `ImageStore.exists`."""
        self._limits.allow(location)
        try:
            await asyncio.to_thread(self._find, location)
        except Gone:
            return False
        return True

    async def link(self, location: Location, *, seconds: float) -> str:  # noqa: ARG002 - a file's address never ends
        """See `ImageStore.link`: a `file://` address, good on this machine for as long as the file stands.

        Raises `Gone` where the key leads out of its bucket's folder.
        """
        self._limits.allow(location)
        return (await asyncio.to_thread(self._path, location)).as_uri()

    async def ping(self) -> None:
        """Return when every allowed bucket's folder is there; raise `Unavailable` when one is not."""
        for bucket in sorted(self._limits.buckets):
            await asyncio.to_thread(self._folder, bucket)

    def _read(self, location: Location) -> Fetched:
        path, size = self._find(location)
        self._limits.admit(location, size)
        try:
            with path.open("rb") as file:
                data = file.read(self._limits.max_object_bytes + 1)
        except OSError as error:
            raise _mapped(error, location) from error
        self._limits.admit(location, len(data))
        return Fetched(data, hashlib.md5(data, usedforsecurity=False).hexdigest())

    def _find(self, location: Location) -> tuple[Path, int]:
        """The file and its size. Never opened unseen: a named pipe would wait for its writer for ever."""
        path = self._path(location)
        try:
            found = path.stat()
        except OSError as error:
            raise _mapped(error, location) from error
        if not stat.S_ISREG(found.st_mode):
            raise Gone(f"{location} is not a file")
        return path, found.st_size

    def _folder(self, bucket: str) -> Path:
        """The bucket's folder; an allowed one that is missing is like a disk that is not mounted."""
        folder = self._root / bucket
        if bucket in (".", "..") or "/" in bucket or not folder.is_dir():
            raise Unavailable("folder", f"{folder} is not a folder")
        return folder.resolve()

    def _path(self, location: Location) -> Path:
        """Where the file is, or would be."""
        folder = self._folder(location.bucket)
        try:
            path = (folder / location.key).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise _mapped(error, location) from error
        if not path.is_relative_to(folder):
            raise Gone(f"{location} is not inside its bucket")
        return path


def _mapped(error: Exception, location: Location) -> Gone | Unavailable:
    """A ValueError is a name that no file can have (a NUL in it), a RuntimeError a link to itself."""
    if not isinstance(error, OSError) or error.errno in _NO_SUCH_FILE:
        return Gone(f"{location} does not exist")
    return Unavailable("folder", f"{location}: {error.strerror}")
