"""Folder adapter of object storage: for one machine, or for several that share a file system.

A file comes to be by a hard link and is replaced by a rename, each of a file that was written and synced
beside: a reader sees a whole content or none, and whoever is killed leaves nothing but a file in `.incoming`.
Of several that would replace one content a lock (`flock`, which a network file system must carry to its
server, as NFS does) lets one through at a time; it ends with its holder.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from schemas.errors import ConfigurationError, Unavailable
from schemas.objects import LARGEST, Listed, StoredObject

_INCOMING: Final = ".incoming"
_LOCK: Final = ".lock"
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})


class FolderObjects:
    """The files below `root`, which is made at the first put. Work is done in threads."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def __aenter__(self) -> Self:
        if self._root.exists() and not self._root.is_dir():
            raise ConfigurationError(f"{self._root} is a file; a registry is a folder, or s3://bucket/prefix")
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def get(self, key: str) -> StoredObject | None:
        """See `Objects.get`."""
        return await asyncio.to_thread(self._get, key)

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`."""
        return await asyncio.to_thread(self._put_if_absent, key, data)

    async def put_if_match(self, key: str, data: bytes, *, etag: str) -> bool:
        """See `Objects.put_if_match`."""
        return await asyncio.to_thread(self._put_if_match, key, data, etag)

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        """See `Objects.list`."""
        with _errors_of_ours():
            return await asyncio.to_thread(lambda: tuple(sorted(self._listed(prefix))))

    def _get(self, key: str) -> StoredObject | None:
        with _errors_of_ours():
            data = self._read(self._path(key))
        return None if data is None else StoredObject(data, _etag(data))

    def _put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with _errors_of_ours(), self._written(data) as fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(fresh, path)  # refuses where something is, which a rename does not
            except FileExistsError:
                return False
            _sync(path.parent)
        return True

    def _put_if_match(self, key: str, data: bytes, etag: str) -> bool:
        path = self._path(key)
        with _errors_of_ours(), self._written(data) as fresh, self._locked():
            present = self._read(path)
            if present is None or _etag(present) != etag:
                return False
            fresh.replace(path)
            _sync(path.parent)
        return True

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """A file of `data`, synced, beside where it shall be; what is left of it goes."""
        _refuse_larger(len(data), self._root)
        incoming = self._root / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=incoming)
        fresh = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(0o644)  # whoever may enter the folder may read; mkstemp's own is for its owner alone
            yield fresh
        finally:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time, in all threads and processes; closing the file gives the lock back."""
        with (self._root / _LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self, path: Path) -> bytes | None:
        try:
            with path.open("rb") as file:
                _refuse_larger(os.fstat(file.fileno()).st_size, path)
                return file.read()
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise

    def _listed(self, prefix: str) -> Iterator[Listed]:
        """Only below the folder that the prefix names: one with many models is not walked for one."""
        below, _, _ = prefix.rpartition("/")
        for folder, names, files in os.walk(self._root / below, followlinks=False):
            names[:] = [name for name in names if not name.startswith(".")]
            for path in (Path(folder) / name for name in files if not name.startswith(".")):
                key = path.relative_to(self._root).as_posix()
                found = _stat(path)
                if found and key.startswith(prefix):
                    yield Listed(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _path(self, key: str) -> Path:
        if not all(part and not part.startswith(".") for part in key.split("/")):
            raise ConfigurationError(f"{key!r} is not a key of a registry")
        return self._root / key


def _stat(path: Path) -> os.stat_result | None:
    """None for what went away meanwhile."""
    with suppress(FileNotFoundError):
        return path.stat()
    return None


def _sync(folder: Path) -> None:
    """A name is durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_larger(size: int, where: Path) -> None:
    if size > LARGEST:
        raise ConfigurationError(f"{where}: {size} bytes in one object; {LARGEST} are the most")


@contextmanager
def _errors_of_ours() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("registry", f"{error.filename or 'the folder'}: {error.strerror}") from error


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
