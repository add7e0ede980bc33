"""Renditions of photographs: written behind the uploads, read by replays in place of the originals (ADR 38).

Best effort throughout: what cannot be written is counted and made again when the image is scored next, and
what cannot be read is no reason to wait, since the original is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, Self

import structlog

from agents.background_tasks import BackgroundTasks
from agents.telemetry.metrics import RenditionMetrics
from schemas.errors import Rejected, TagstreamError
from schemas.records import Content, ImageHead
from schemas.rendition_recipe import RenditionRecipe
from streams.ports import RenditionStore, StoredRendition

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RenditionBounds:
    """What is kept, and how much may wait for it."""

    least_bytes: int = 64 * 2**10
    """Of an original. A smaller one is as cheap to read as its rendition, and has none."""
    pending: int = 64
    """Renditions that wait to be written: some megabytes. What comes beyond them is dropped."""
    grace: float = 5.0
    """Seconds for what waits to be written when the worker ends."""


_BOUNDS: Final = RenditionBounds()


class Heads(Protocol):
    """Where heads are read."""

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now."""


@dataclass(frozen=True, slots=True)
class FreshRendition:
    """What a decoder has made of an original."""

    digest: str
    """sha256 of the original."""
    data: bytes


class Renditions:
    """Any number of images at once; `async with` ends what is written. The event loop's thread only."""

    def __init__(
        self,
        store: RenditionStore,
        recipe: RenditionRecipe,
        heads: Heads,
        metrics: RenditionMetrics,
        bounds: RenditionBounds = _BOUNDS,
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._heads = heads
        self._metrics = metrics
        self._bounds = bounds
        self._writing = BackgroundTasks(most=bounds.pending, failed=_broken)
        self._is_failing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """What is not written within the grace is not: it is made again."""
        await self._writing.close(grace=self._bounds.grace)

    def is_wanted(self, content: Content, *, reads: int | None) -> bool:
        """Whether the original's rendition is to be made.

        `reads` are the pixels that a replay asks for, which has found none. Where it asks for more than
        renditions have it did not look, and there may be one.
        """
        return content.size >= self._bounds.least_bytes and (reads is None or self._recipe.suits(reads))

    async def find(self, content: Content, *, side: int) -> StoredRendition | None:
        """The rendition of those bytes for a version that asks for `side` pixels; None for the original."""
        if content.size < self._bounds.least_bytes:
            return None
        try:
            found = await self._store.get(content.digest)
        except Rejected as error:
            self.damaged(content, error)
            return None
        except TagstreamError as error:
            self._failed("unread", error)
            return None
        return found if found and self._is_usable(found, content, side) else None

    def _is_usable(self, found: StoredRendition, content: Content, side: int) -> bool:
        recipe = RenditionRecipe.named(found.recipe)
        if recipe is None or not recipe.suits(side):
            return False
        if hashlib.sha256(found.data).hexdigest() != found.sha256:
            self.damaged(content, "its sha256 is another")
            return False
        return True

    def damaged(self, content: Content, why: object) -> None:
        """What stands there is no rendition: the original is taken, and makes it anew."""
        self._metrics.count("damaged")
        log.warning("rendition.damaged", digest=content.digest, why=str(why))

    def keep(self, image_id: str, fresh: FreshRendition) -> None:
        """Write it, behind whoever calls; it is gone again where the image has other bytes by then."""
        if self._writing.is_full:
            self._metrics.count("dropped")
            return
        self._writing.start(self._write(image_id, fresh), name="rendition")

    def forget(self, digest: str) -> None:
        """Delete the rendition of bytes that were replaced, behind whoever calls."""
        self._writing.start(self.delete((digest,)), name="rendition")

    async def delete(self, digests: Iterable[str]) -> None:
        """Delete the renditions of those bytes; one that cannot be is counted."""
        for digest in digests:
            try:
                await self._store.delete(digest)
            except TagstreamError as error:
                self._failed("not_deleted", error)
            else:
                self._metrics.count("deleted")

    async def written(self) -> None:
        """Until nothing waits to be written."""
        await self._writing.settled()

    async def _write(self, image_id: str, fresh: FreshRendition) -> None:
        sha256 = hashlib.sha256(fresh.data).hexdigest()
        try:
            await self._store.put(fresh.digest, StoredRendition(fresh.data, self._recipe.name, sha256))
        except TagstreamError as error:
            self._failed("not_kept", error)
            return
        self._is_failing = False
        # Behind the write: whoever erases an image makes its tombstone first and deletes then.
        if await self._stands(image_id, fresh.digest):
            self._metrics.count("kept")
        else:
            await self.delete((fresh.digest,))

    async def _stands(self, image_id: str, digest: str) -> bool:
        """Whether these are the image's bytes; not, where the store cannot say."""
        try:
            head = await self._heads.head(image_id)
        except TagstreamError:
            return False
        return head is not None and head.digest == digest

    def _failed(self, what: str, error: TagstreamError) -> None:
        self._metrics.count(what)
        if not self._is_failing:  # once, until one is kept again: a storage that is away fails them all
            log.warning("rendition.failed", what=what, cause=str(error))
        self._is_failing = True


def _broken(error: BaseException) -> None:
    """A bug of ours: the photograph itself is done."""
    log.warning("rendition.broken", exc_info=error)
