"""Unit of work: one image while a message about it is worked on; its record in the store, and its times."""

from __future__ import annotations

from contextlib import AbstractContextManager

from agents import transitions
from agents.telemetry.metrics import Stopwatch
from schemas.errors import Stage
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from streams.ports import Change
from streams.resilience.retrying import RetryingScores


class Image:
    """What the store holds of one image, and what of the worker's time it takes. Made once a message."""

    def __init__(self, image_id: str, scores: RetryingScores, watch: Stopwatch) -> None:
        self.id = image_id
        self.watch = watch
        self._scores = scores

    async def head(self) -> ImageHead | None:
        """What holds of the image now."""
        return await self._scores.head(self.id)

    async def keep(self, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """Make `change` to the image's head, and add `record` to its history; durable when it returns."""
        with self.watch.stage(Stage.STORE):
            return await self._scores.apply(self.id, change, record)

    async def mark(self, head: ImageHead) -> ImageHead:
        """Remember that the broker has acknowledged all that `head` says; the head that is stored then."""
        with self.watch.stage(Stage.MARK):
            return (await self._scores.apply(self.id, transitions.acknowledged(head))).head

    def fetching(self) -> AbstractContextManager[None]:
        """Times and traces one attempt to fetch it."""
        return self.watch.stage(Stage.FETCH)
