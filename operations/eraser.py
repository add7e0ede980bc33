"""Eraser of one image: its head becomes a tombstone, its history goes, and the world is told (ADR 21).

The change is the store's conditional write, so it needs no worker and is settled with those that run. In this
order, so that whoever is killed in between is repeated: the head first, since from then on no worker adds
anything; what the store has beside it; the announcement; the mark, with which the last name goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agents import erasure, publication, transitions
from agents.announcements import RouteMove
from agents.bounded_times import ClockLimits
from schemas.events import Announcement
from schemas.records import ImageHead
from streams.ports import Purged, ScoreStore, TagPublisher


class ErasureOutcome(StrEnum):
    """What became of an image that was to be erased."""

    ERASED = "erased"
    FINISHED = "finished"
    """A run before this one had begun it, and was cut short."""
    ALREADY = "already erased"


@dataclass(frozen=True, slots=True)
class ErasedImage:
    """One image, and what was done."""

    image_id: str
    outcome: ErasureOutcome
    erased_at: datetime
    was_known: bool
    """Whether the store had anything of it."""
    purged: Purged
    """What the store had beside the head."""
    events: Mapping[str, int]
    """Published by topic: what takes back what was announced."""


class Eraser:
    """Over ports alone; any number of images at once."""

    def __init__(
        self,
        scores: ScoreStore,
        tags: TagPublisher,
        *,
        now: Callable[[], datetime],
        clock: ClockLimits | None = None,
    ) -> None:
        self._scores = scores
        self._tags = tags
        self._now = now
        self._clock = clock or ClockLimits()

    async def erase(self, image_id: str, *, uploader_id: str | None = None) -> ErasedImage:
        """Erase the image; raises `Unavailable`, and is to be repeated then."""
        before = await self._scores.head(image_id)
        change = erasure.erased(image_id, at=self._now(), clock=self._clock, uploader_id=uploader_id)
        head = (await self._scores.apply(image_id, change)).head
        purged = await self._scores.purge(image_id)
        events = Counter[str]() if head.is_announced else await self._publish(head)
        if head.erased is None:
            raise LookupError(f"{image_id} was not erased")
        return ErasedImage(
            image_id=image_id,
            outcome=_outcome(before, head),
            erased_at=head.erased.erased_at,
            was_known=before is not None,
            purged=purged,
            events=events,
        )

    async def _publish(self, head: ImageHead) -> Counter[str]:
        said: Counter[str] = Counter()

        async def announce(events: Sequence[Announcement], _: Sequence[RouteMove]) -> None:
            await self._tags.announce(events)
            said.update(each.topic for each in events)

        await publication.publish(head, announce, self._mark, keep=self._scores.keep_statements)
        return said

    async def _mark(self, head: ImageHead) -> ImageHead:
        return (await self._scores.apply(head.image_id, transitions.acknowledged(head))).head


def _outcome(before: ImageHead | None, head: ImageHead) -> ErasureOutcome:
    if before is None or not before.is_erased:
        return ErasureOutcome.ERASED
    return ErasureOutcome.ALREADY if head.is_announced else ErasureOutcome.FINISHED
