"""Message and task: one message as it came off the wire, and the work that a handler makes of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.wire import headers as wire_headers
from streams.inflight import Urgency
from streams.ports import BROKER, IMAGES, STORE


@dataclass(frozen=True, slots=True)
class Unread:
    """Offsets of one partition whose records nobody can read any more; both ends belong to it."""

    first: int
    last: int
    is_expired: bool
    """They had been deleted before anybody read them; otherwise they are there, and cannot be unpacked."""
    cause: str

    @property
    def count(self) -> int:
        """How many offsets; no more records than that."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes, headers and coordinates of one Kafka message; nothing of it is decoded yet."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: datetime | None = None
    """When the broker or its producer says it was written; None where the reader does not say."""
    unread: Unread | None = None
    """What it stands in place of, in which case it has no value; its offset is the last of them."""

    @property
    def source(self) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        return self.topic, self.partition, self.offset

    @property
    def origin(self) -> tuple[str, int, int]:
        """Topic, partition and offset of its first publication, however often it was deferred since."""
        return wire_headers.origin(self)


def written_at(seconds: float | None) -> datetime | None:
    """A record's timestamp; None where it has none (-1 on the wire), or one that no calendar holds."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done for a message, and the keys whose messages must keep their order."""

    keys: tuple[Hashable, ...]
    """Never empty."""
    work: Callable[[], Coroutine[Any, Any, None]]
    urgency: Urgency = Urgency.LIVE
    needs: frozenset[str] = frozenset({IMAGES, STORE, BROKER})
    """The dependencies without which it need not be started."""
    is_ready: Callable[[], bool] = lambda: True
    """Asked now and then until it says so; until then the message holds up its partition, and no slot."""


Handler = Callable[[Message], Task]
"""Tells what a message asks for; cheap, pure, and never raises. Only `Task.work` does I/O."""
