"""The straight path: fetch, decode, score, decide, keep, announce, mark.

Keep, then announce, then mark, then acknowledge (which is: return). A redelivery finds its own claim in the
store and goes on where the last life ended, with the scores that it kept, so that the same event gives the
same documents and the same event ids however often it is worked on.

The ports behind it are outlasted while they are away (`streams.resilience.retrying`); what leaves it is told
apart by the dispatcher (`schemas.errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from agents import announcements, publication, transitions
from agents.announcements import RouteMove
from agents.bounded_times import ClockLimits
from agents.image import Image, content_of, is_same_object, with_metadata
from agents.ports import Tagger
from agents.renditions import FreshRendition, Renditions
from agents.statement_template import StatementTemplate
from agents.telemetry.metrics import Metrics, Stopwatch
from agents.telemetry.tracing import TRACEPARENT, Tracer
from agents.transitions import Scoring, Transitions
from schemas.claims import Claim, Claims
from schemas.errors import Gone, Rejected, Stage
from schemas.events import Announcement, Reason
from schemas.records import Content, ImageHead, Kept, ScoreRecord, Stale, State
from schemas.tags import Scores
from streams.resilience.retrying import RetryingImages, RetryingScores, RetryingTags

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Why an image is scored."""

    reason: Reason
    job: str
    ending: str
    """What it is called when it was."""

    @property
    def is_replay(self) -> bool:
        """Whether whatever stands is scored again, not only what the claim brought."""
        return self.reason is Reason.REPLAY


class Unscored(Exception):
    """There are no scores to publish: no shadow has made any of these bytes."""


LIVE = Origin(Reason.LIVE, job="live", ending="tagged")


@dataclass(frozen=True, slots=True)
class Known:
    """What the resident model said of the bytes that stand."""

    scores: Scores
    content: Content


@dataclass(frozen=True, slots=True)
class Loaded:
    """A claim's photograph once its encoded bytes are gone."""

    claim: Claim
    content: Content
    stored_as: str | None
    pixels: Any
    """The model's; None where the scores of the same bytes are known."""
    rendition: str | None = None
    """The recipe of what was read in place of the photograph."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Brings images to where their latest claims say, any number at once; one image's come one by one."""

    images: RetryingImages
    scores: RetryingScores
    tags: RetryingTags
    tagger: Tagger
    metrics: Metrics
    tracer: Tracer
    now: Callable[[], datetime]
    clock: ClockLimits = field(default_factory=ClockLimits)
    template: StatementTemplate = field(default_factory=StatementTemplate)
    publishes: bool = False
    """Takes the scores that the history has and makes none (`Unscored`), and tells changes alone."""
    renditions: Renditions | None = None

    def image(self, image_id: str) -> Image:
        """The image, for as long as one message about it is worked on."""
        return Image(image_id, self.scores, Stopwatch(self.metrics, self.tracer))

    def transitions(self, image: Image, arrived: Claims | None = None) -> Transitions:
        """The changes that can be made to the image's head now, by the rules of the resident model."""
        now, claims = self.now(), arrived or Claims()
        return Transitions(image.id, self.tagger, now, claims, self.clock, self.template)

    async def tag(self, image: Image, head: ImageHead | None, claim: Claim, origin: Origin = LIVE) -> str:
        """Make the claim hold, or find what outranks it; how it ended. `head` is what was read of the image.

        Raises `Rejected` and `KeepsFailing`; anything else is a bug, or a broken machine.
        """
        arrived, before = Claims.of(claim), head
        while True:
            change = self.transitions(image, arrived)
            current = change.joined(head).current
            if head is not None and self._is_answered(head, current, claim, origin):
                ending = "resumed" if current.is_same(claim) else "stale"
                kept = await image.keep(change.noted)
            elif current.is_removal:
                ending, kept = "removed", await image.keep(change.removed(current))
            else:
                ending, kept = origin.ending, await self._scored(image, head, change, current, origin)
            if isinstance(kept, Kept):
                break
            head = kept.head  # somebody's claim came in between, and the next round sees it
        if kept.head.refuses(claim.position):
            return await self._refuse(image, kept.head)
        head = await self._looked_for(image, kept.head, change)
        if head.is_announced:
            await self._tend_renditions(image, before, head)
            return "duplicate" if head.position.is_same(claim.position) else "stale"
        await self.publish(image, head)
        await self._tend_renditions(image, before, head)
        return "removed" if head.state is State.DELETED and not current.is_removal else ending

    async def _looked_for(self, image: Image, head: ImageHead, change: Transitions) -> ImageHead:
        """What holds once storage was asked, where a producer's clock alone outranks a removal."""
        claims = change.joined(head)
        removal, standing = claims.outranked_removal(change.arrived), claims.current
        if removal is None or await self.images.exists(standing.location):
            return head
        log.info("image.vanished", image_id=image.id, outranked_by=standing.position.event_id)
        return (await image.keep(change.vanished(removal, ended=standing))).head

    async def _scored(
        self, image: Image, head: ImageHead | None, change: Transitions, claim: Claim, origin: Origin
    ) -> Kept | Stale:
        try:
            scoring = await self._score(image, head, claim, origin)
        except Gone:
            if head is None or head.state is State.DELETED:  # it may be announced before it is put
                raise
            held = await self._looked_for(image, head, change)
            if held.state is not State.DELETED:
                raise
            return Kept(head=held)
        record = score_record(image.id, scoring, seconds=image.watch.seconds)
        # Decides: the model's policy against what was announced last, then a moderator's word.
        return await image.keep(change.scored(scoring), record)

    async def _refuse(self, image: Image, head: ImageHead) -> str:
        """What was erased has come again: no trace of it is left that a killed worker may have made."""
        await image.purge()
        if not head.is_announced:
            await self.publish(image, head)
        elif head.is_erased:  # its tags may have been said once more behind the tombstone
            await self.tags.announce((announcements.tombstone(head),))
        return "erased"

    def _is_answered(self, head: ImageHead, current: Claim, claim: Claim, origin: Origin) -> bool:
        """Whether nothing has to be scored."""
        is_anothers = not current.is_same(claim) and head.position.is_same(current.position)
        if is_anothers and not origin.is_replay:  # it is not scored again for a new model's sake
            return True
        return head.holds(current, self.tagger.model)

    async def _score(self, image: Image, head: ImageHead | None, claim: Claim, origin: Origin) -> Scoring:
        """The claim's scores by the resident model; what it has scored for `head` is not again."""
        known = self._known(head) or await self._remembered(image, head)
        # Whose it is, where the event does not say so, is said beside the object: that is worth a fetch.
        if head and known and claim.restaurant_id and is_same_object(head, claim):
            return Scoring(claim, known.scores, known.content, head.stored_as, origin.reason, origin.job)
        wants = origin.is_replay and known is None
        photo = await self._reduced(image, head, claim) if wants else None
        if photo is None:
            photo = await self._load(image, claim, known, origin)
        if self.publishes and photo.pixels is not None:
            raise Unscored
        scores = known.scores if known and photo.pixels is None else await self._forward(image, photo)
        return Scoring(photo.claim, scores, photo.content, photo.stored_as, origin.reason, origin.job)

    async def _remembered(self, image: Image, head: ImageHead | None) -> Known | None:
        """What a shadow has said of the bytes that stand; raises `Unscored` where that is what is wanted."""
        if not self.publishes:
            return None
        content = head.content if head else None
        record = await image.scored_by(self.tagger.model, content) if content else None
        if record is None or content is None:
            raise Unscored
        return Known(record.scores, content)

    async def shadow(self, image: Image, head: ImageHead, claim: Claim, origin: Origin) -> str:
        """Score the claim for the history alone; how it ended. Raises as `tag` does."""
        if head.content and await image.scored_by(self.tagger.model, head.content):
            return "duplicate"
        scoring = await self._score(image, head, claim, origin)
        await image.keep(transitions.unchanged, score_record(image.id, scoring, seconds=image.watch.seconds))
        await self._tend_renditions(image, head, head)
        return origin.ending

    def _known(self, head: ImageHead | None) -> Known | None:
        if head is None or head.scores is None or head.content is None:
            return None
        return Known(head.scores, head.content) if head.scores.model == self.tagger.model else None

    async def _reduced(self, image: Image, head: ImageHead | None, claim: Claim) -> Loaded | None:
        """The rendition of the bytes that stand, decoded; None where the original is to be read."""
        if self.renditions is None or head is None or head.content is None:
            return None
        if not head.position.is_same(claim.position):  # it was never scored, and may be of other bytes
            return None
        with image.fetching():
            found = await self.renditions.find(head.content, side=self.tagger.input_side)
        if found is None:
            return None
        try:
            with image.watch.stage(Stage.DECODE):
                pixels = await self.tagger.decode(found.data)
        except Rejected as error:
            self.renditions.damaged(head.content, error)
            return None
        self.metrics.renditions.read("rendition")
        return Loaded(claim, head.content, head.stored_as, pixels, rendition=found.recipe)

    async def _load(self, image: Image, claim: Claim, known: Known | None, origin: Origin) -> Loaded:
        """Fetch and decode; the encoded bytes are alive within, and of a bounded number of images at once."""
        async with self.images.fetch(claim.location, timed=image.fetching) as fetched:
            content, claim = await content_of(fetched), with_metadata(claim, fetched)
            stored_as = fetched.version or fetched.etag
            if known and known.content == content:
                return Loaded(claim, content, stored_as, None)
            with image.watch.stage(Stage.DECODE):
                pixels = await self._decoded(image, fetched.data, content, origin)
        if origin.is_replay:
            self.metrics.renditions.read("original")
        return Loaded(claim, content, stored_as, pixels)

    async def _decoded(self, image: Image, data: bytes, content: Content, origin: Origin) -> Any:  # noqa: ANN401
        """The photograph's pixels; its rendition, where one is wanted, is left with the image."""
        reads = self.tagger.input_side if origin.is_replay else None
        if self.renditions is None or not self.renditions.is_wanted(content, reads=reads):
            return await self.tagger.decode(data)
        made = await self.tagger.decode_and_reduce(data)
        if made.rendition is not None:
            image.rendition = FreshRendition(content.digest, made.rendition)
        return made.pixels

    async def _tend_renditions(self, image: Image, before: ImageHead | None, head: ImageHead) -> None:
        """Keep what was made of the bytes that stand, and have none of those that do not any more."""
        if self.renditions is None:
            return
        replaced = before.digest if before and before.digest != head.digest else None
        if head.state is State.DELETED:  # before it is acknowledged: a worker that is killed does it again
            await self.renditions.delete(await image.digests() | ({replaced} if replaced else set()))
        elif replaced:
            self.renditions.forget(replaced)
        if image.rendition and image.rendition.digest == head.digest:
            self.renditions.keep(image.id, image.rendition)

    async def _forward(self, image: Image, photo: Loaded) -> Scores:
        with image.watch.trace(Stage.FORWARD):
            forwarded = await self.tagger.score(photo.pixels)
        image.watch.note("queued", forwarded.queued)
        image.watch.note(Stage.FORWARD, forwarded.forward)
        if photo.rendition is None:
            return forwarded.scores
        return forwarded.scores.model_copy(update={"rendition": photo.rendition})

    async def publish(self, image: Image, head: ImageHead) -> None:
        """Keep its statements, announce what `head` says, then mark it as announced."""

        async def announce(events: Sequence[Announcement], moves: Sequence[RouteMove]) -> None:
            with image.watch.stage(Stage.ANNOUNCE):
                await self.tags.announce(_traced(events))
            self.metrics.announced(events)
            self.metrics.without_restaurant.inc(sum(move.is_without_restaurant for move in moves))

        is_quiet = self.publishes and not announcements.is_news(head)
        keep = image.keep_statements
        last = await publication.publish(head, announce, image.mark, keep=keep, is_quiet=is_quiet)
        if last.refuses(head.position):  # erased meanwhile: what this worker wrote beside the head goes
            await image.purge()


def score_record(image_id: str, scoring: Scoring, *, seconds: Mapping[str, float]) -> ScoreRecord:
    """The scoring as the history keeps it, under the version that storage itself gave the bytes."""
    return ScoreRecord(
        image_id=image_id,
        content_version=scoring.stored_as or f"sha256:{scoring.content.digest}",
        scores=scoring.scores,
        position=scoring.claim.position,
        scored_at=datetime.now(UTC),
        seconds=dict(seconds),
        job=scoring.job,
        content=scoring.content,
    )


def _traced(events: Sequence[Announcement]) -> Sequence[Announcement]:
    traceparent = TRACEPARENT.get()
    if traceparent is None:
        return events
    return tuple(each.model_copy(update={"traceparent": traceparent}) for each in events)
