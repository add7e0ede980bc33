"""Atomic writes and file locks: files and folders that are there whole or not at all.

What is written lies under a hidden name beside its place until a rename puts it there. Whoever is killed
leaves it behind, and the next who writes here removes it. Of an `atomic_folder` a lock tells what is left
from what is being written, as the kernel lets go of it when its holder dies; elsewhere its age does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

PREFIX: Final = ".unfinished-"

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def atomic_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder in `parent`, made where it is not; at the end it is removed with all that is in it.

    Raises `ConfigurationError` where `parent` cannot be written to, and for a disk that is full.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{parent}: cannot be made ({error.strerror}); name another place"
        ) from error
    with _writing(parent):
        folder, lock = _claimed(parent)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def place_folder(made: Path, place: Path) -> bool:
    """Give `made`, a folder on the same disk, its `place`, durable when it returns; False if it is taken."""
    for path in sorted(made.rglob("*")):
        sync(path)
    sync(made)
    try:
        made.rename(place)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            return False
        raise
    sync(place.parent)
    return True


def write_file(place: Path, data: bytes) -> None:
    """Make the file hold `data`: whole or not at all, and durable. Raises `ConfigurationError`."""
    with atomic_folder(place.parent) as folder:
        fresh = folder / "file"
        write_synced(fresh, data)
        fresh.replace(place)
        sync(place.parent)


def write(file: Path, data: bytes) -> None:
    """`data` as `file`, at once: synced under another name beside it, then renamed. Raises `OSError`."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        write_synced(fresh, data)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def keep(file: Path, text: str) -> None:
    """`text` as `file`, whole or not at all. Raises `ConfigurationError`."""
    try:
        write(file, text.encode())
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from error


@contextmanager
def kept_room(folder: Path, *, what: str, then: str = "") -> Iterator[None]:
    """An `OSError` inside becomes a `ConfigurationError`: where `what` could not be written, and `then`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{folder}: {what} cannot be written: {reason}{then}") from error


def write_synced(file: Path, data: bytes) -> None:
    """Write and sync, so that a rename never comes to disk before what it names. Raises `OSError`."""
    file.write_bytes(data)
    sync(file)


def sync(path: Path) -> None:
    """The file's bytes, or the folder's names, are on the disk when it returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def building(parent: Path, *, prefix: str) -> Iterator[Path]:
    """An empty folder in `parent`, to be renamed once it is whole; else it is removed. Raises `OSError`."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, *, prefix: str, after: float) -> None:
    """Remove what was begun in `parent` and not written to for `after` seconds: somebody died over it."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            newest = max(each.stat().st_mtime for each in (left, *left.glob("*")))
            if time.time() - newest > after:
                shutil.rmtree(left)


def lock(file: Path, *, busy: str) -> int:
    """The open lock, for `os.close`; the kernel lets go of it however the process ends.

    Raises `ConfigurationError` with `busy` where another process holds it, and `OSError`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        os.close(handle)
        raise ConfigurationError(busy) from error
    return handle


@contextmanager
def _writing(parent: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ConfigurationError(
                f"{parent}: the disk is full, and nothing was written; make room, or name another place"
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}:
            raise ConfigurationError(f"{parent}: cannot be written to ({error.strerror})") from error
        raise


def _claimed(parent: Path) -> tuple[Path, int]:
    """A new folder and the lock on it; nobody else sweeps `parent` between the two."""
    with _locked(parent):
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        folder.chmod(0o755)
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{PREFIX}*"):
        with suppress(BlockingIOError, FileNotFoundError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
