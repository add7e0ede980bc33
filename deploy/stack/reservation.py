"""Port reservation: for servers that start later, and again; nobody else listens there meanwhile.

A port that the system gives out is free only until the next who asks: stacks that start side by side got the
same one, and so does whoever connects while a server is down. These are below those that systems give to
clients (from 32768 on Linux) and below those that `tagstream.embedded_stack` draws from, in blocks of which
one process holds each.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

FIRST: Final = 12_000
PAST: Final = 20_000
BLOCK: Final = 10


class NoneLeft(Exception):
    """All blocks are held, or somebody listens in them."""


@contextmanager
def reserved(count: int, *, host: str) -> Iterator[tuple[int, ...]]:
    """`count` ports, at most `BLOCK`, that nobody listens on and nobody else reserves while this holds.

    Raises `NoneLeft`.
    """
    folder = Path(tempfile.gettempdir()) / f"tagstream-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in range(FIRST, PAST, BLOCK):
        with ExitStack() as held:
            ports = tuple(range(first, first + count))
            if _is_held(folder / str(first), held=held) and all(_is_free(host, port) for port in ports):
                yield ports
                return
    raise NoneLeft(f"no ports are left from {FIRST} to {PAST}")


def _is_held(path: Path, *, held: ExitStack) -> bool:
    """Whether the lock is ours now. It ends with `held`, and with this process."""
    lock = held.enter_context(path.open("ab"))
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_free(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_server((host, port)):
        return True
    return False
