"""Gap letters: one dead letter tells of offsets that nobody can read, before they are committed past.

Two causes: records that were deleted before anybody read them, and batches that cannot be unpacked. No
rejection alarm counts them: a letter is all that can be done, and holding it back brings nothing back.
"""

from __future__ import annotations

from typing import Final

import structlog

from agents.telemetry.metrics import Metrics
from schemas.errors import Expired, Rejected, UnreadableBatch
from schemas.events import DeadLetter
from streams.message import Message, Unread
from streams.resilience.retrying import RetryingTags

log = structlog.get_logger(__name__)

_BEATS: Final = 60
"""Looks for which readiness complains of a gap: long enough for a probe, short enough for a rollout."""


class GapNotice:
    """What readiness has to say about the newest gap: for a while, and no more."""

    def __init__(self) -> None:
        self._says = ""
        self._beats = 0

    def tell(self, what: str) -> None:
        """Complain from now on."""
        self._says, self._beats = what, _BEATS

    def complaint(self) -> str | None:
        """Asked once a beat."""
        self._beats = max(0, self._beats - 1)
        return self._says if self._beats else None


class Gaps:
    """Writes the letters, and counts what is missing."""

    def __init__(self, tags: RetryingTags, metrics: Metrics, notice: GapNotice) -> None:
        self._tags = tags
        self._metrics = metrics
        self._notice = notice

    async def bury(self, message: Message, unread: Unread) -> None:
        """One letter for all of it; durable when it returns."""
        kind: type[Rejected] = Expired if unread.is_expired else UnreadableBatch
        log.error(
            "records.unread",
            topic=message.topic,
            partition=message.partition,
            first=unread.first,
            last=unread.last,
            count=unread.count,
            code=kind.code,
            cause=unread.cause,
        )
        said = (
            f"{unread.count} offsets of {message.topic}, partition {message.partition}, "
            f"{unread.first} to {unread.last}: {unread.cause}"
        )
        self._notice.tell(said)
        self._metrics.unread.labels(kind.code, message.topic, str(message.partition)).inc(unread.count)
        await self._tags.bury(_letter(message, unread, kind, said))
        self._metrics.dead_letters.labels(kind.code).inc()
        self._metrics.count("rejected")


def _letter(message: Message, unread: Unread, kind: type[Rejected], said: str) -> DeadLetter:
    return DeadLetter(
        key=None,
        value=b"",
        source=(message.topic, message.partition, unread.first),
        last_offset=unread.last,
        stage=kind.stage,
        code=kind.code,
        exception=kind.__name__,
        message=said,
    )
