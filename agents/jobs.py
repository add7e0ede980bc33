"""Command: what a record of a message asks for, ready to be run by the dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from schemas.errors import Rejected
from schemas.wire import Ignored
from streams.inflight import Urgency
from streams.message import Message
from streams.ports import BROKER, IMAGES, STORE


@dataclass(frozen=True, slots=True)
class Job:
    """One record's work; how it ended is its answer."""

    run: Callable[[], Coroutine[Any, Any, str]]
    image_id: str | None = None
    """The image that it is about; its jobs keep their order."""
    alone: bytes | None = None
    """The record as a message of its own, for its letter; None where the message is the record."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """A message's work, record by record."""

    jobs: tuple[Job, ...]
    ignored: tuple[Ignored, ...] = ()
    """Records that ask for nothing, or for what nobody wants."""
    urgency: Urgency = Urgency.LIVE
    needs: frozenset[str] = field(default=frozenset({IMAGES, STORE, BROKER}))
    """The dependencies without which it need not be started."""
    is_ready: Callable[[], bool] | None = None
    """Asked until it says so; None where there is nothing to wait for."""


class Entrance(Protocol):
    """From a message of one topic to its work. Pure, and never raises."""

    def jobs(self, message: Message) -> Jobs:
        """What the message asks for; a record that is invalid is work too, and ends as a dead letter."""


def refused(error: Rejected, alone: bytes | None = None, *, image_id: str | None = None) -> Job:
    """The work of a record that is nothing we know, or take: it too may be one of too many."""
    return Job(partial(_refuse, error), image_id, alone)


async def _refuse(error: Rejected) -> str:
    raise error
