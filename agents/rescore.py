"""Entrance of the replay lane: images scored again by a wanted model version, behind live traffic."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from agents import bounded_times
from agents.image import Image
from agents.jobs import Job, Jobs, refused
from agents.lane_jobs import LaneJobs
from agents.pipeline import Origin, Pipeline, Unscored
from agents.ports import Versions
from schemas import wire
from schemas.claims import Claims
from schemas.errors import Gone, Rejected
from schemas.events import Reason, RescoreMode, RescoreRequested
from schemas.records import ImageHead
from streams.inflight import Urgency
from streams.message import Message

_ENDINGS: Final = {
    RescoreMode.APPLY: "rescored",
    RescoreMode.SHADOW: "shadowed",
    RescoreMode.PUBLISH: "republished",
}


class Rescore:
    """Any number at once; requests of one image must come one after another."""

    def __init__(self, pipeline: Pipeline, versions: Versions) -> None:
        self._pipeline = pipeline
        self._versions = versions
        self._asked_by = LaneJobs(pipeline.scores)

    def jobs(self, message: Message) -> Jobs:
        """One job, behind all others; not ready while its model may still come and its replay runs."""
        wanted = wire.decode_rescore(message.value, dict(message.headers))
        if isinstance(wanted, wire.Invalid):
            return Jobs((refused(wanted.error),))
        if (ahead := self._ahead(message, wanted)) is not None:
            return Jobs((refused(ahead, image_id=wanted.image_id),))
        job = Job(partial(self._rescore, wanted), wanted.image_id)
        return Jobs((job,), urgency=Urgency.BACKGROUND, is_ready=partial(self._is_ready, wanted))

    def _is_ready(self, wanted: RescoreRequested) -> bool:
        """Never scored by another model than the wanted one: the lane waits, and a metric says so."""
        version = wanted.model_version
        is_resident = self._versions.is_resident(version)
        is_passed_over = not is_resident and not self._asked_by.is_waited_for(wanted.job)
        self._pipeline.metrics.lane_waiting.labels(version).set(0 if is_resident or is_passed_over else 1)
        return is_resident or is_passed_over or self._versions.is_given_up(version)

    def _ahead(self, message: Message, wanted: RescoreRequested) -> Rejected | None:
        """A claim may come back by no other way than it came in."""
        claimed = wanted.claim.position.uploaded_at
        times = {"requested_at": wanted.requested_at, "claim.position.uploaded_at": claimed}
        now, limits = self._pipeline.now(), self._pipeline.clock
        found = (bounded_times.refusal(*each, message, now=now, limits=limits) for each in times.items())
        return next(filter(None, found), None)

    async def _rescore(self, wanted: RescoreRequested) -> str:
        """Score what stands of the image; how it ended. What is gone meanwhile is skipped.

        Where the version is not here it is passed over: the replay's runner asks again, and others go on.
        """
        if (refusal := await self._asked_by.refusal(wanted.job)) is not None:
            return refusal
        with self._versions.pinned(wanted.model_version) as tagger:
            if tagger is None:
                return "not_resident"
            publishes = wanted.mode is RescoreMode.PUBLISH
            pipeline = replace(self._pipeline, tagger=tagger, publishes=publishes)
            return await self._rescore_by(pipeline, wanted)

    async def _rescore_by(self, pipeline: Pipeline, wanted: RescoreRequested) -> str:
        image = pipeline.image(wanted.image_id)
        head = await image.head()
        current = pipeline.transitions(image, Claims.of(wanted.claim)).joined(head).current
        if current.is_removal:
            return "skipped"
        origin = Origin(Reason.REPLAY, wanted.job, ending=_ENDINGS[wanted.mode])
        try:
            if wanted.mode is RescoreMode.SHADOW:
                return await pipeline.shadow(image, head, current, origin) if head else "skipped"
            if head is not None and head.holds(current, pipeline.tagger.model):
                return await self._decide_again(pipeline, image, head, wanted)
            return await pipeline.tag(image, head, wanted.claim, origin)
        except Gone:
            return "skipped"
        except Unscored:
            return "unscored"

    async def _decide_again(
        self, pipeline: Pipeline, image: Image, head: ImageHead, wanted: RescoreRequested
    ) -> str:
        """The scores are there: tell what was not told yet, and decide anew where that is asked for."""
        ending = "resumed"
        if wanted.decide_again:
            change = pipeline.transitions(image).rejudged
            model = pipeline.tagger.model
            kept = await image.keep(partial(change, model=model, job=wanted.job))
            head, ending = kept.head, "redecided"
        if head.is_announced:
            return "duplicate"
        await pipeline.publish(image, head)
        return ending
