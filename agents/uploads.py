"""Entrance of uploads and removals: from what a message carries to the straight path."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from agents import bounded_times
from agents.image import Image
from agents.jobs import Job, Jobs, refused
from agents.pipeline import Pipeline
from agents.rollout_comparisons import RolloutComparisons
from schemas import topics, wire
from schemas.claims import Claim
from schemas.errors import Gone, Rejected
from schemas.naming import Naming
from schemas.records import ImageHead, State
from schemas.uploads import Position
from schemas.wire import headers
from streams.message import Message


class Uploads:
    """Any number at once; those of one image must come one after another."""

    def __init__(
        self, pipeline: Pipeline, naming: Naming, *, rollouts: RolloutComparisons | None = None
    ) -> None:
        self._pipeline = pipeline
        self._naming = naming
        self._rollouts = rollouts

    def jobs(self, message: Message) -> Jobs:
        """A job for each record of the message."""
        records = wire.decode(message.value, dict(message.headers), self._naming)
        if message.topic == topics.RETRY and (deferred := headers.image_id(message.headers)):
            # Its siblings ended at the first hop; if each copy were all of them they would multiply.
            records = tuple(record for record in records if _image(record) == deferred)
        jobs = tuple(self._job(message, each) for each in records if not isinstance(each, wire.Ignored))
        return Jobs(jobs, tuple(each for each in records if isinstance(each, wire.Ignored)))

    def _job(self, message: Message, record: wire.Uploaded | wire.Removed | wire.Invalid) -> Job:
        if isinstance(record, wire.Invalid):
            return refused(record.error, record.alone)
        event = record.removal if isinstance(record, wire.Removed) else record.upload
        claim = Claim.of(event, Position.of(event, message.origin, record.sequencer))
        if (ahead := self._ahead(message, claim)) is not None:
            return refused(ahead, record.alone, image_id=event.image_id)
        if isinstance(record, wire.Removed) and record.if_gone:
            return Job(partial(self._remove_if_gone, event.image_id, claim), event.image_id, record.alone)
        was_deferred = message.topic == topics.RETRY
        return Job(
            partial(self._tag, event.image_id, claim, was_deferred=was_deferred), event.image_id, record.alone
        )

    def _ahead(self, message: Message, claim: Claim) -> Rejected | None:
        field = "removed_at" if claim.is_removal else "uploaded_at"
        spoken = f"{field} (of a notification `eventTime`, of a CloudEvent without one `time`)"
        now, limits = self._pipeline.now(), self._pipeline.clock
        return bounded_times.refusal(spoken, claim.position.uploaded_at, message, now=now, limits=limits)

    async def _tag(self, image_id: str, claim: Claim, *, was_deferred: bool = False) -> str:
        image = self._pipeline.image(image_id)
        head = await image.head()
        try:
            return await self._tag_by_version(image, head, claim)
        except Gone:
            # At the first try a photograph that replaces a deleted one may be announced before it is put.
            if was_deferred and head is not None and head.state is State.DELETED:
                return "skipped"
            raise

    async def _tag_by_version(self, image: Image, head: ImageHead | None, claim: Claim) -> str:
        """By the serving version; while another is rolled out, an image of its share by both."""
        if self._rollouts is None:
            return await self._pipeline.tag(image, head, claim)
        with self._rollouts.paired(image.id) as pair:
            pipeline = self._pipeline if pair is None else replace(self._pipeline, tagger=pair)
            ending = await pipeline.tag(image, head, claim)
            self._rollouts.tagged(image, pair, self._pipeline.tags)
        return ending

    async def _remove_if_gone(self, image_id: str, removal: Claim) -> str:
        """Remove the image, unless something stands where the claim says that one version was removed."""
        if await self._pipeline.images.exists(removal.location):
            return "ignored"
        return await self._tag(image_id, removal)


def _image(record: wire.Record) -> str | None:
    match record:
        case wire.Uploaded(event) | wire.Removed(event):
            return event.image_id
    return None
