"""The straight path: message, fetch, decode, forward, decide, store, announce, mark.

Store, then announce, then mark, then acknowledge (which is: return). A redelivery finds its own
position in the store and goes on where the last life ended, with the scores that it kept, so that
the same event gives the same documents and the same event ids however often it is worked on.

Three endings only: `Rejected` becomes a dead letter, `Unavailable` is outlasted in place, and
anything else leaves here and stops the worker (see `schemas.errors`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import structlog

from agents import announcing
from agents.metrics import Metrics, Stopwatch
from schemas import wire
from schemas.errors import Rejected, Stage
from schemas.events import DeadLetter
from schemas.records import Announced, ImageHead, Kept, ScoreRecord
from schemas.tags import ModelRef, Scores, Verdict
from schemas.uploads import ImageUploaded, Position
from streams.message import Message, Task
from streams.ports import ImageStore, ScoreStore, TagPublisher
from streams.retry import Outages

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came out of the network for one image, and what the batch cost."""

    scores: Scores
    queued: float
    """Seconds spent waiting for the batch to start."""
    forward: float
    """Seconds of the forward that the image was in."""
    batch_size: int


class Tagger(Protocol):
    """What sees: bytes to pixels to scores to a verdict."""

    @property
    def model(self) -> ModelRef:
        """The resident model version."""

    async def decode(self, data: bytes) -> Any:  # noqa: ANN401 - pixels belong to the model
        """The image's pixels; raises `Rejected`."""

    async def score(self, pixels: Any) -> Forwarded:  # noqa: ANN401
        """The image's scores; waits while the batcher is full; raises `Rejected` or `Broken`."""

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """What the scores mean, given the last announced verdict. Pure."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that the straight path uses, opened and owned by whoever wired it."""

    images: ImageStore
    scores: ScoreStore
    tags: TagPublisher
    tagger: Tagger


class Pipeline:
    """Works on messages, any number at once; those of one image must come one after another."""

    def __init__(self, parts: Parts, outages: Outages, *, loading: int, metrics: Metrics) -> None:
        self._parts = parts
        self._outlast = outages.outlast
        # Encoded bytes are alive between fetch and decode only, and of this many images at once.
        self._loading = asyncio.Semaphore(loading)
        self._metrics = metrics

    def handle(self, message: Message) -> Task:
        """What the message asks for, ordered by its image; a spoiled one is ordered with nothing."""
        records = wire.decode(message.value, dict(message.headers))
        uploads = (record.upload.image_id for record in records if isinstance(record, wire.Uploaded))
        return Task(next(uploads, message.source), lambda: self._work(message, records))

    async def _work(self, message: Message, records: tuple[wire.Record, ...]) -> None:
        log.debug("message.started", partition=message.partition, offset=message.offset)
        for record in records:
            match record:
                case wire.Uploaded():
                    await self._tag(message, record)
                case wire.Spoiled(error):
                    await self._bury(_letter(message, error, image_id=None))
                case wire.Ignored():
                    self._count("ignored")

    async def _tag(self, message: Message, record: wire.Uploaded) -> None:
        try:
            self._count(await self._outcome(message, record))
        except Rejected as error:
            letter = _letter(message, error, image_id=record.upload.image_id)
        else:
            return
        # Outside the handler: the error's traceback holds the image's bytes, and burying may wait for long.
        await self._bury(letter)

    async def _outcome(self, message: Message, record: wire.Uploaded) -> str:
        """Tag the image and say how it ended."""
        upload, position = record.upload, _position(message, record)
        watch = Stopwatch(self._metrics)
        head = await self._outlast(lambda: self._parts.scores.head(upload.image_id))
        if head is not None and position.is_older_than(head.position):
            return "stale"
        if head is not None and head.answers(upload, self._parts.tagger.model):
            return await self._resume(head, watch)
        scores = await self._score(upload, watch)
        verdict = self._decide(scores, head)
        fresh = _head(upload, position, scores=scores, verdict=verdict)
        with watch.stage(Stage.STORE):
            record_ = _record(fresh, upload, seconds=dict(watch.seconds))
            kept = await self._outlast(lambda: self._parts.scores.keep(fresh, record_))
        if not isinstance(kept, Kept):
            return "stale"
        await self._announce(kept.head, watch)
        return "tagged"

    async def _resume(self, head: ImageHead, watch: Stopwatch) -> str:
        """Go on where an earlier delivery of the same event ended."""
        if head.is_announced:
            return "duplicate"
        await self._announce(head, watch)
        return "resumed"

    async def _score(self, upload: ImageUploaded, watch: Stopwatch) -> Scores:
        async with self._loading:
            with watch.stage(Stage.FETCH):
                data = await self._outlast(lambda: self._parts.images.fetch(upload.location))
            with watch.stage(Stage.DECODE):
                pixels = await self._parts.tagger.decode(data)
            del data
        forwarded = await self._parts.tagger.score(pixels)
        watch.note("queued", forwarded.queued)
        watch.note(Stage.FORWARD, forwarded.forward)
        self._metrics.batches.observe(forwarded.batch_size)
        return forwarded.scores

    def _decide(self, scores: Scores, head: ImageHead | None) -> Verdict:
        announced = head.announced.verdict if head and head.announced else None
        return self._parts.tagger.decide(scores, announced)

    async def _announce(self, head: ImageHead, watch: Stopwatch) -> None:
        said = announcing.announcements(head)
        with watch.stage(Stage.ANNOUNCE):
            await self._outlast(lambda: self._parts.tags.announce(said))
        announced = Announced(verdict=head.verdict, position=head.position, restaurant_id=head.restaurant_id)
        with watch.stage(Stage.MARK):
            await self._outlast(lambda: self._parts.scores.mark(head.image_id, announced))
        self._metrics.homeless.inc(announcing.homeless(head))

    async def _bury(self, letter: DeadLetter) -> None:
        said = {"image_id": letter.image_id, "stage": letter.stage, "code": letter.code}
        log.info("image.rejected", **said, cause=letter.message)
        await self._outlast(lambda: self._parts.tags.bury(letter))
        self._metrics.dead_letters.labels(letter.code).inc()
        self._count("rejected")

    def _count(self, outcome: str) -> None:
        self._metrics.outcomes.labels(outcome).inc()


def _position(message: Message, record: wire.Uploaded) -> Position:
    return Position(
        uploaded_at=record.upload.uploaded_at,
        partition=message.partition,
        offset=message.offset,
        event_id=record.upload.event_id,
        sequencer=record.sequencer,
    )


def _head(upload: ImageUploaded, position: Position, *, scores: Scores, verdict: Verdict) -> ImageHead:
    return ImageHead(
        image_id=upload.image_id,
        location=upload.location,
        restaurant_id=upload.restaurant_id,
        position=position,
        state=announcing.state(verdict),
        verdict=verdict,
        scores=scores,
    )


def _record(head: ImageHead, upload: ImageUploaded, *, seconds: dict[str, float]) -> ScoreRecord:
    return ScoreRecord(
        image_id=head.image_id,
        content_version=upload.location.version or upload.location.etag or upload.event_id,
        scores=head.scores,
        position=head.position,
        scored_at=datetime.now(UTC),
        seconds=seconds,
    )


def _letter(message: Message, error: Rejected, *, image_id: str | None) -> DeadLetter:
    return DeadLetter(
        key=message.key,
        value=message.value or b"",
        headers=message.headers,
        source=message.source,
        image_id=image_id,
        stage=error.stage,
        code=error.code,
        exception=type(error).__name__,
        message=str(error),
        trace=getattr(error, "trace", ""),
    )
