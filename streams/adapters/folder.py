"""Photographs in a folder of this machine: each bucket is a folder below it."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from schemas.errors import ConfigurationError, Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits

_NO_SUCH_FILE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
)


class FolderImages:
    """The files of `root`, read in worker threads. No key and no link leads out of its bucket's folder.

    A folder keeps one content of a file: a location's version and etag are not looked at.
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

    async def fetch(self, location: Location) -> bytes:
        """See `ImageStore.fetch`."""
        self._limits.allow(location)
        return await asyncio.to_thread(self._read, location)

    async def ping(self) -> None:
        """Return when every allowed bucket's folder is there; raise `Unavailable` when one is not."""
        for bucket in sorted(self._limits.allowed_buckets):
            await asyncio.to_thread(self._folder, bucket)

    def _read(self, location: Location) -> bytes:
        folder = self._folder(location.bucket)
        try:
            path = self._inside(folder, location)
            self._admit(location, path.stat())
            with path.open("rb") as file:
                data = file.read(self._limits.max_object_bytes + 1)
        except (OSError, ValueError) as error:
            raise _mapped(error, location) from error
        self._limits.admit(location, len(data))
        return data

    def _folder(self, bucket: str) -> Path:
        """The bucket's folder; an allowed one that is missing is like a disk that is not mounted."""
        folder = self._root / bucket
        if bucket in (".", "..") or "/" in bucket or not folder.is_dir():
            raise Unavailable("folder", f"{folder} is not a folder")
        return folder.resolve()

    def _inside(self, folder: Path, location: Location) -> Path:
        path = (folder / location.key).resolve()
        if not path.is_relative_to(folder):
            raise Gone(f"{location} is not inside its bucket")
        return path

    def _admit(self, location: Location, found: os.stat_result) -> None:
        """Refuse what is not a file before it is opened: a named pipe would wait for its writer for ever."""
        if not stat.S_ISREG(found.st_mode):
            raise Gone(f"{location} is not a file")
        self._limits.admit(location, found.st_size)


def _mapped(error: OSError | ValueError, location: Location) -> Gone | Unavailable:
    """A ValueError is a name that no file can have (a NUL in it)."""
    if isinstance(error, ValueError) or error.errno in _NO_SUCH_FILE:
        return Gone(f"{location} does not exist")
    return Unavailable("folder", f"{location}: {error.strerror}")
