"""One message as it came off the wire, and the handler that every agent is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes, headers and coordinates of one Kafka message; nothing of it is decoded yet."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def source(self) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        return self.topic, self.partition, self.offset


class Task(NamedTuple):
    """What is to be done for a message, and the key whose messages must keep their order."""

    key: Hashable
    work: Callable[[], Coroutine[Any, Any, None]]


Handler = Callable[[Message], Task]
"""Tells what a message asks for; cheap, pure, and never raises. Only `Task.work` does I/O."""
