"""Comparisons of a rollout: which uploads two versions score, and what comes of the scores that do not hold.

The upload comes first: it is announced before the other version scores it, in the background. That is done
beside the message's own work, and what is not done when the process ends is not made up for: a shadow replay
compares whatever one wants to be sure of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Final

import structlog

from agents import transitions
from agents.background_tasks import BackgroundTasks
from agents.image import Image, KeptScores
from agents.paired_tagger import PairedTagger
from agents.ports import Forwarded, Versions
from agents.rollout_follower import RolloutFollower
from agents.telemetry.metrics import RolloutMetrics
from agents.version_comparison import ComparedImage, Said, corrected
from schemas import identity, topics
from schemas.errors import Stage
from schemas.events import Announcement, OtherVerdict, VersionsCompared
from schemas.records import ImageHead, ScoreRecord, State
from schemas.rollouts import ModelRollout
from schemas.tags import Scores
from streams.resilience.retrying import RetryingTags

log = structlog.get_logger(__name__)

ROOM: Final = 64
"""Images at once whose other scores are outstanding; beyond them images are passed over, and counted."""

_TIMED: Final = (Stage.DECODE, "queued", Stage.FORWARD)
"""What of an image's time a version is to blame for."""


class RolloutComparisons:
    """One worker's. The event loop's thread only."""

    def __init__(self, follower: RolloutFollower, versions: Versions, metrics: RolloutMetrics) -> None:
        self._follower = follower
        self._versions = versions
        self._metrics = metrics
        self._comparing = BackgroundTasks(most=ROOM, failed=_not_compared)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Within the block images can be compared; at its end what is outstanding is dropped."""
        try:
            yield
        finally:
            await self._comparing.close()

    @contextmanager
    def paired(self, image_id: str) -> Iterator[PairedTagger | None]:
        """Both versions for the image, for the block; None where it is scored as always."""
        rollout = self._follower.joined
        if (
            rollout is None
            or not rollout.includes(image_id)
            or not self._versions.is_resident(rollout.version)
        ):
            yield None
            return
        pinned = self._versions.pinned
        with (
            pinned(rollout.serving, is_live=not rollout.is_canary) as serving,
            pinned(rollout.version, is_live=rollout.is_canary) as new,
        ):
            pair = None
            if serving is not None and new is not None:
                pair = PairedTagger(serving, new, new_holds=rollout.is_canary)
            yield pair

    def tagged(self, image: Image, pair: PairedTagger | None, tags: RetryingTags) -> None:
        """The image is announced: have it compared, where it was scored by a pair just now."""
        rollout, kept = self._follower.joined, image.scored
        if rollout is None or kept is None:
            return
        if pair is None:
            if rollout.is_canary:
                self._follower.ledger.timed(serving=_seconds(image))
        elif pair.failure is not None:
            self._failed(rollout, pair.failure)
        elif self._comparing.is_full:
            self._pass_over(rollout)
        else:
            comparing = self._compare(rollout, image, kept, pair, tags)
            self._comparing.start(comparing, name=f"compare-{image.id}")

    async def corrected(self, image: Image, head: ImageHead) -> None:
        """A person has decided on the image: whom do they agree with, where the two versions differ?"""
        rollout, people = self._follower.joined, corrected(head)
        if rollout is None or people is None or not rollout.includes(image.id):
            return
        history = {
            each.scores.model.version: each.scores
            for each in await image.history()
            if each.content == head.content and each.scores.model.name == rollout.model
        }
        if rollout.serving not in history or rollout.version not in history:
            return
        with self.paired(image.id) as pair:
            if pair is None:
                return
            before, after = (_said(pair, history[each]) for each in (rollout.serving, rollout.version))
        compared = ComparedImage(image.id, head.location, before, after, people)
        if compared.is_changed:
            self._follower.ledger.corrected(compared)

    async def settled(self) -> None:
        """Until nothing is outstanding."""
        await self._comparing.settled()

    async def _compare(
        self, rollout: ModelRollout, image: Image, kept: KeptScores, pair: PairedTagger, tags: RetryingTags
    ) -> None:
        try:
            other = await pair.score_other()
        except Exception as error:  # noqa: BLE001 - whatever a version on trial brings, the worker goes on
            if rollout.is_canary:  # the serving one failed, with what it had to do beside the rest
                self._pass_over(rollout)
            else:
                self._failed(rollout, error)
            return
        if other is None or pair.held is None or not _stands(kept):
            return
        await image.keep(transitions.unchanged, _beside(kept.record, other, rollout))
        holds, not_held = _said(pair, pair.held.scores), _said(pair, other.scores)
        await tags.announce((_event(kept, holds, not_held, rollout),))
        before, after = (not_held, holds) if rollout.is_canary else (holds, not_held)
        ledger = self._follower.ledger
        compared = ComparedImage(image.id, kept.head.location, before, after)
        ledger.compared(compared)
        if rollout.is_canary:
            ledger.timed(new=_seconds(image))
        else:
            ledger.timed(serving=pair.held.forward, new=other.forward)
        self._metrics.compared(rollout.version, is_changed=compared.is_changed)

    def _failed(self, rollout: ModelRollout, error: Exception) -> None:
        self._follower.ledger.failed(error)
        self._metrics.failed(rollout.version)

    def _pass_over(self, rollout: ModelRollout) -> None:
        self._follower.ledger.passed_over()
        self._metrics.passed_over(rollout.version)


def _not_compared(error: BaseException) -> None:
    """An object that keeps being refused, a bug of ours: the upload itself is done."""
    log.warning("rollout.not_compared", exc_info=error)


def _stands(kept: KeptScores) -> bool:
    """Whether what was scored is what the image is now."""
    return kept.head.state is not State.DELETED and kept.head.content == kept.record.content


def _said(pair: PairedTagger, scores: Scores) -> Said:
    return Said(scores, pair.decide(scores, None))


def _beside(held: ScoreRecord, other: Forwarded, rollout: ModelRollout) -> ScoreRecord:
    """The history's record of the scores that do not hold."""
    seconds = {"queued": round(other.queued, 6), str(Stage.FORWARD): round(other.forward, 6)}
    facts = {"scores": other.scores, "scored_at": datetime.now(UTC), "seconds": seconds, "job": rollout.id}
    return held.model_copy(update=facts)


def _event(kept: KeptScores, holds: Said, not_held: Said, rollout: ModelRollout) -> Announcement:
    head, model = kept.head, not_held.scores.model
    event = VersionsCompared(
        event_id=identity.event_id("compared", rollout.id, head.image_id, head.position.event_id),
        image_id=head.image_id,
        revision=head.revision,
        position=head.position,
        model=model,
        restaurant_id=head.restaurant_id,
        location=head.location,
        rollout=rollout.id,
        tags=not_held.verdict.tags,
        held=OtherVerdict(model=holds.scores.model, labels=holds.verdict.tagged),
        content_digest=head.content.digest if head.content else None,
    )
    return Announcement(topic=topics.COMPARED, key=head.image_id, event=event)


def _seconds(image: Image) -> float:
    return sum(image.watch.seconds.get(stage, 0.0) for stage in _TIMED)
