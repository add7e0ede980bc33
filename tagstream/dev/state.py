"""State file of a running `tagstream dev`, by which commands in another terminal find it.

It lies in `.tagstream/dev.json`. Whether it still runs is told by a lock and not by a process id:
the kernel lets go of the lock when its holder dies, however that dies, and gives nobody else's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from schemas.errors import TagstreamError

FOLDER: Final = ".tagstream"
FILE: Final = "dev.json"
_LOCK: Final = "dev.lock"

PLACES: Final = ("TAGSTREAM_KAFKA__BROKERS", "TAGSTREAM_S3__", "TAGSTREAM_STORE__")
"""Settings that say where things are: whoever sets one of them himself means another system."""

_PATIENCE: Final = 0.5
"""Seconds: a reader of the state holds the lock for an instant."""


class AlreadyRuns(TagstreamError):
    """Another `tagstream dev` runs in this folder."""


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """One running system: its process, what its addresses are, and the settings that lead to it."""

    pid: int
    started_at: str
    addresses: Mapping[str, str]
    settings: Mapping[str, str]
    """By environment variable."""

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The state in `folder`; None where none is, or none that we can read."""
        try:
            return cls(**json.loads((folder / FILE).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Into `folder`, whole or not at all, for nobody but its owner."""
        fresh = folder / f"{FILE}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        fresh.replace(folder / FILE)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """`folder` is ours while the block runs; the state goes with it.

    Raises:
        AlreadyRuns: it is somebody else's.
    """
    with (folder / _LOCK).open("a+b") as lock:
        _take(lock.fileno(), folder)
        (folder / FILE).unlink(missing_ok=True)  # of one that was killed
        try:
            yield
        finally:
            (folder / FILE).unlink(missing_ok=True)


def _take(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                state = RunningSystem.read(folder)
                whose = f" (process {state.pid})" if state else ""
                raise AlreadyRuns(
                    f"a system runs in {folder.absolute()} already{whose}; end it with Ctrl-C there, "
                    "or start this one with --folder elsewhere"
                ) from None
        time.sleep(_PATIENCE / 10)


def running(start: Path) -> RunningSystem | None:
    """The system that runs in `start` or in the nearest folder above it that has one."""
    for above in (start, *start.parents):
        folder = above / FOLDER
        if (state := RunningSystem.read(folder)) and _is_claimed(folder):
            return state
    return None


def _is_claimed(folder: Path) -> bool:
    with contextlib.suppress(OSError), (folder / _LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def adopt(
    environment: MutableMapping[str, str], start: Path, *, only: tuple[str, ...] = ("",)
) -> RunningSystem | None:
    """Fill `environment` with the settings of the system that runs at `start`, and say which one that is.

    `only` those whose names begin so. What is set already stays. None, and nothing filled, where none runs or
    where the environment itself says where things are: half of one system and half of another would be worse
    than either.
    """
    if is_somewhere(environment):
        return None
    if state := running(start):
        for name, value in state.settings.items():
            if name.startswith(only):
                environment.setdefault(name, value)
    return state


def is_somewhere(environment: Mapping[str, str]) -> bool:
    """Whether the environment, or what was adopted into it, says where a system is."""
    return any(name.upper().startswith(PLACES) for name in environment)


def adopted(environment: Mapping[str, str], start: Path) -> RunningSystem | None:
    """The system at `start` whose settings `environment` has taken over; None where it has its own."""
    state = running(start)
    if state and all(
        environment.get(name) == value for name, value in state.settings.items() if name.startswith(PLACES)
    ):
        return state
    return None
