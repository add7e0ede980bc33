"""From a claim to its scores: fetch, decode, forward, each bounded, none of it done twice."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from agents.ports import Components
from agents.telemetry.metrics import Metrics, Stopwatch
from agents.transitions import Scoring
from schemas.claims import Claim
from schemas.errors import Stage
from schemas.events import Reason
from schemas.records import Content, ImageHead
from schemas.tags import Scores
from schemas.uploads import Location
from streams.ports import IMAGES, Fetched
from streams.resilience.retry import Dependencies

_INLINE_DIGEST: Final = 2**20
"""Bytes that are hashed within half a millisecond: a thread would cost more than it saves."""

_RESTAURANT: Final = ("restaurant-id", "restaurant_id")
_UPLOADER: Final = ("uploader-id", "uploader_id")


@dataclass(frozen=True, slots=True)
class _Loaded:
    claim: Claim
    content: Content
    stored_as: str | None
    pixels: Any
    """The model's; None where the scores are known."""


class Scorer:
    """Scores claims, any number at once; `loading` images have their encoded bytes in memory."""

    def __init__(
        self, parts: Components, outages: Dependencies, *, loading: int, attempts: int, metrics: Metrics
    ) -> None:
        self._parts = parts
        self._storage = outages.of(IMAGES)
        self._attempts = attempts
        # Encoded bytes are alive between fetch and decode only, and of this many images at once.
        self._loading = asyncio.Semaphore(loading)
        self._metrics = metrics

    async def score(
        self, claim: Claim, head: ImageHead | None, watch: Stopwatch, *, reason: Reason, job: str
    ) -> Scoring:
        """The claim's scores by the resident model; bytes that `head` holds scores of are not scored again.

        Raises what `ImageStore.fetch` and `Tagger` raise, and `KeepsFailing` when the object alone was
        refused `attempts` times.
        """
        known = self._known(head)
        # Whose it is, where the event does not say so, is said beside the object: that is worth a fetch.
        if head and known and claim.restaurant_id and _is_same_object(head, claim):
            return Scoring(claim, known[0], known[1], head.stored_as, reason, job)
        # The slot is inside: who waits for a storage that is away holds nothing that others need.
        loaded = await self._storage.retry_until_available(
            lambda: self._load(claim, known, watch), attempts=self._attempts
        )
        scores = known[0] if known and loaded.pixels is None else await self._forward(loaded.pixels, watch)
        return Scoring(loaded.claim, scores, loaded.content, loaded.stored_as, reason, job)

    async def stands(self, location: Location) -> bool:
        """Whether something stands at the location now; raises as `ImageStore.exists` and `score` do."""
        return await self._storage.retry_until_available(
            lambda: self._parts.images.exists(location), attempts=self._attempts
        )

    async def _load(self, claim: Claim, known: tuple[Scores, Content] | None, watch: Stopwatch) -> _Loaded:
        """The claim's pixels; none where the bytes are those that were scored already."""
        async with self._loading:
            with self._metrics.loading.images.track_inprogress():
                with watch.stage(Stage.FETCH):
                    fetched = await self._parts.images.fetch(claim.location)
                content, claim = await _content(fetched.data), _enriched(claim, fetched)
                stored_as = fetched.version or fetched.etag
                if known and known[1] == content:
                    return _Loaded(claim, content, stored_as, None)
                with watch.stage(Stage.DECODE):
                    return _Loaded(claim, content, stored_as, await self._parts.tagger.decode(fetched.data))

    async def _forward(self, pixels: Any, watch: Stopwatch) -> Scores:  # noqa: ANN401 - pixels belong to the model
        with watch.trace(Stage.FORWARD):
            forwarded = await self._parts.tagger.score(pixels)
        watch.note("queued", forwarded.queued)
        watch.note(Stage.FORWARD, forwarded.forward)
        return forwarded.scores

    def _known(self, head: ImageHead | None) -> tuple[Scores, Content] | None:
        """What the resident model said of the bytes that stand, if it has seen them."""
        if head is None or head.scores is None or head.content is None:
            return None
        return (head.scores, head.content) if head.scores.model == self._parts.tagger.model else None


def _is_same_object(head: ImageHead, claim: Claim) -> bool:
    """Whether the claim names the bytes of the head as storage named them when they were read."""
    held, said = head.location, claim.location
    if (held.bucket, held.key) != (said.bucket, said.key):
        return False
    return head.stored_as is not None and head.stored_as in (said.version, said.etag)


async def _content(data: bytes) -> Content:
    if len(data) <= _INLINE_DIGEST:
        digest = hashlib.sha256(data)
    else:
        digest = await asyncio.to_thread(hashlib.sha256, data)
    return Content(digest=digest.hexdigest(), size=len(data))


def _enriched(claim: Claim, fetched: Fetched) -> Claim:
    """The claim with what the uploader said beside the object, where the event itself does not say it."""
    said = {
        "restaurant_id": claim.restaurant_id or _named(fetched, _RESTAURANT),
        "uploader_id": claim.uploader_id or _named(fetched, _UPLOADER),
    }
    return claim.model_copy(update=said)


def _named(fetched: Fetched, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := fetched.metadata.get(name))), None)
