"""Unit of work: one image while a message about it is worked on, its times, and which bytes it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from agents import transitions
from agents.renditions import FreshRendition
from agents.telemetry.metrics import Stopwatch
from schemas.claims import Claim
from schemas.errors import Stage
from schemas.records import Content, ImageHead, Kept, ScoreRecord, Stale
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef
from streams.ports import Change, Fetched
from streams.resilience.retrying import RetryingScores

_INLINE_DIGEST: Final = 2**20
"""Bytes that are hashed within half a millisecond: a thread would cost more than it saves."""

_RESTAURANT: Final = ("restaurant-id", "restaurant_id")
_UPLOADER: Final = ("uploader-id", "uploader_id")


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Scores as they joined the history, and the head that the store held then."""

    head: ImageHead
    record: ScoreRecord


class Image:
    """What the store holds of one image, and what of the worker's time it takes. Made once a message."""

    def __init__(self, image_id: str, scores: RetryingScores, watch: Stopwatch) -> None:
        self.id = image_id
        self.watch = watch
        self.rendition: FreshRendition | None = None
        """What its decoder has made of it, to be kept once the image is told."""
        self._scores = scores
        self.scored: KeptScores | None = None
        """What was kept of its scores for this message."""

    async def head(self) -> ImageHead | None:
        """What holds of the image now."""
        return await self._scores.head(self.id)

    async def scored_by(self, model: ModelRef, content: Content) -> ScoreRecord | None:
        """What the history has of these bytes by this version."""
        records = await self.history()
        return next(
            (each for each in records if each.scores.model == model and each.content == content), None
        )

    async def digests(self) -> frozenset[str]:
        """sha256 of all of its bytes that the history knows."""
        return frozenset(each.content.digest for each in await self.history() if each.content)

    async def history(self) -> tuple[ScoreRecord, ...]:
        """What every version has said of it."""
        return await self._scores.records(self.id)

    async def keep(self, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """Make `change` to the image's head, and add `record` to its history; durable when it returns."""
        with self.watch.stage(Stage.STORE):
            kept = await self._scores.apply(self.id, change, record)
        if record is not None:
            self.scored = KeptScores(kept.head, record)
        return kept

    async def purge(self) -> None:
        """Delete what the store still has of an erased photograph."""
        with self.watch.stage(Stage.STORE):
            await self._scores.purge(self.id)

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """Add what is stated of it to the statements of reasons; durable when it returns."""
        with self.watch.stage(Stage.STORE):
            await self._scores.keep_statements(statements)

    async def mark(self, head: ImageHead) -> ImageHead:
        """Remember that the broker has acknowledged all that `head` says; the head that is stored then."""
        with self.watch.stage(Stage.MARK):
            return (await self._scores.apply(self.id, transitions.acknowledged(head))).head

    def fetching(self) -> AbstractContextManager[None]:
        """Times and traces one attempt to fetch it."""
        return self.watch.stage(Stage.FETCH)


async def content_of(fetched: Fetched) -> Content:
    """The bytes' digest and size."""
    data = fetched.data
    if fetched.digest is not None:
        return Content(digest=fetched.digest, size=len(data))
    if len(data) <= _INLINE_DIGEST:
        digest = hashlib.sha256(data)
    else:
        digest = await asyncio.to_thread(hashlib.sha256, data)
    return Content(digest=digest.hexdigest(), size=len(data))


def is_same_object(head: ImageHead, claim: Claim) -> bool:
    """Whether the claim names the bytes of the head as storage named them when they were read."""
    held, named = head.location, claim.location
    if (held.bucket, held.key) != (named.bucket, named.key):
        return False
    return head.stored_as is not None and head.stored_as in (named.version, named.etag)


def with_metadata(claim: Claim, fetched: Fetched) -> Claim:
    """The claim with what the uploader said beside the object, where the event itself does not say it."""
    facts = {
        "restaurant_id": claim.restaurant_id or _named(fetched, _RESTAURANT),
        "uploader_id": claim.uploader_id or _named(fetched, _UPLOADER),
    }
    return claim.model_copy(update=facts)


def _named(fetched: Fetched, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := fetched.metadata.get(name))), None)
