"""Decision desk: decisions on several images, each held against the revision that was looked at.

One that cannot be made is told beside the others. What is published is acknowledged by the broker; a worker
makes it hold a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from agents.bounded_times import ClockLimits
from operations import image_ids
from operations.decide import Outranked, behind, decision
from operations.model_labels import UnknownLabel, require_known
from operations.outbox import EventSink
from schemas import identity
from schemas.decisions import Decided, ModerationDecided
from schemas.errors import Gone, TagstreamError
from schemas.records import ImageHead
from streams.ports import ScoreStore

MOST: Final = 500
"""Decisions of one call."""


class StaleRevision(TagstreamError):
    """The image is another one than was looked at."""


@dataclass(frozen=True, slots=True)
class AskedDecision:
    """What somebody has decided on one image."""

    image_id: str
    action: Decided
    revision: int
    """Of the image as it was looked at."""
    labels: tuple[str, ...] | None = None
    unsure: tuple[str, ...] | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionOutcome:
    """What became of it: either its event or why there is none."""

    image_id: str
    event_id: str | None = None
    refused: TagstreamError | None = None


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, and under which key the request may be sent again."""

    name: str
    key_id: str
    idempotency_key: str | None = None

    def event_id(self, image_id: str) -> str | None:
        """The same of every try of a request; None where it may not be told from another."""
        if self.idempotency_key is None:
            return None
        return identity.event_id("decided", self.key_id, self.idempotency_key, image_id)


class DecisionDesk:
    """Owns nothing. `labels` are those that the serving model has."""

    def __init__(
        self,
        store: ScoreStore,
        sink: EventSink[ModerationDecided],
        labels: Callable[[], Collection[str]],
        limits: ClockLimits,
    ) -> None:
        self._store = store
        self._sink = sink
        self._labels = labels
        self._limits = limits

    async def decide(self, asked: Sequence[AskedDecision], by: Decider) -> tuple[DecisionOutcome, ...]:
        """What became of each, in their order; no two are of one image. Raises `Unavailable`.

        Where the broker is away some may have been published: the same request, with its idempotency key,
        publishes the same events again, and they count once.
        """
        heads = await self._store.heads([each.image_id for each in asked])
        placed = [self._placed(each, heads, by) for each in asked]
        if events := [each for each in placed if isinstance(each, ModerationDecided)]:
            await self._sink.publish(*events)
        return tuple(map(_outcome, asked, placed))

    def _placed(
        self, asked: AskedDecision, heads: Mapping[str, ImageHead], by: Decider
    ) -> ModerationDecided | DecisionOutcome:
        """The event to publish, or what there is to say without one."""
        head, event_id = heads.get(asked.image_id), by.event_id(asked.image_id)
        if head is not None and event_id in {each.event_id for each in head.all_decisions}:
            return DecisionOutcome(asked.image_id, event_id)
        try:
            if head is None:
                raise image_ids.unknown(asked.image_id)
            self._refuse_unfit(asked, head)
            now = datetime.now(UTC)
            placed = behind(_event(asked, head, by.name), head, now=now, limits=self._limits)
        except (Gone, Outranked, StaleRevision, UnknownLabel) as error:
            return DecisionOutcome(asked.image_id, refused=error)
        return placed if event_id is None else placed.model_copy(update={"event_id": event_id})

    def _refuse_unfit(self, asked: AskedDecision, head: ImageHead) -> None:
        if head.revision != asked.revision:
            raise StaleRevision(
                f"{head.image_id} is at revision {head.revision}, and {asked.revision} was looked at"
            )
        require_known((*(asked.labels or ()), *(asked.unsure or ())), self._labels())


def _event(asked: AskedDecision, head: ImageHead, by: str) -> ModerationDecided:
    """Of the bytes that were looked at: those of that revision."""
    return decision(
        asked.image_id,
        by=by,
        action=asked.action,
        labels=asked.labels,
        unsure=asked.unsure,
        comment=asked.comment,
        content_digest=head.digest,
    )


def _outcome(asked: AskedDecision, placed: ModerationDecided | DecisionOutcome) -> DecisionOutcome:
    if isinstance(placed, DecisionOutcome):
        return placed
    return DecisionOutcome(asked.image_id, placed.event_id)
