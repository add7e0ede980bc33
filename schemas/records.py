"""Stored records: one head an image, and every score ever made of it."""

from __future__ import annotations

from enum import StrEnum

from schemas.claims import Claim, Claims
from schemas.decisions import Decision, remembered
from schemas.erasure import Erasure
from schemas.events import Reason
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef, Route, Scores, Value, Verdict
from schemas.uploads import Location, Moment, Position


class State(StrEnum):
    """Whether the restaurant's page may show the image."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    """Flagged as a menu or a human: hidden until a person has verified it."""
    DELETED = "deleted"


class Content(Value):
    """Which bytes were scored."""

    digest: str
    """sha256 of the object, hexadecimal."""
    size: int
    """Bytes."""


class PossiblyPublished(Value):
    """A route that the world may have heard of, and whose collection it led to."""

    route: Route
    restaurant_id: str | None = None


class Announced(Value):
    """What the broker acknowledged last, and the revision of the head that it answered."""

    verdict: Verdict | None
    position: Position
    restaurant_id: str | None = None
    """Whose collections heard of it."""
    revision: int = 0


class ImageHead(Value):
    """All that holds of one image now."""

    image_id: str
    location: Location
    restaurant_id: str | None = None
    position: Position
    """Of the claim that holds."""
    claims: Claims = Claims()
    """The latest claim of each voice; `position` and `location` are the standing one's."""
    state: State
    content: Content | None = None
    stored_as: str | None = None
    """The version or the etag under which storage gave these bytes: `location` says what was announced,
    and other bytes may have stood there when they were read."""
    scores: Scores | None = None
    """None where the image was removed before it was ever scored."""
    judged: Verdict | None = None
    """What the model's policy says of `scores`."""
    decision: Decision | None = None
    """The last decision of the present bytes, else the last one: all that an earlier version knows of."""
    decisions: tuple[Decision, ...] = ()
    """What people decided, of whatever bytes, in its order; the last one of each content holds of it."""
    verdict: Verdict | None = None
    """What holds: `judged`, unless a person decided otherwise or the image is gone."""
    announced: Announced | None = None
    pending: tuple[PossiblyPublished, ...] = ()
    """Routes that were kept since the last acknowledged announcement, and may have been said."""
    statements: tuple[StatementOfReasons, ...] = ()
    """Statements of reasons that were made with a change of this head and may not have been published yet."""
    revision: int = 0
    """Counts the changes of what holds; an event of a lower one is history."""
    turn: int = 0
    """Counts the changes under one and the same standing event: a re-score, a decision."""
    reason: Reason = Reason.LIVE
    """Why it was last decided on."""
    job: str = "live"
    flagged_at: Moment | None = None
    """Since when a person is asked to look at it."""
    erased: Erasure | None = None
    """The last erasure; what it outranks stays away, also once a new photograph stands here."""

    @property
    def is_erased(self) -> bool:
        """Whether nothing is known of the image any more, by its erasure."""
        return self.erased is not None and self.position.event_id == self.erased.event_id

    @property
    def is_half_erased(self) -> bool:
        """Whether the world has not been told of the erasure yet."""
        return self.is_erased and not self.is_announced

    def refuses(self, position: Position) -> bool:
        """Whether what stands at `position` is of what was erased, and must leave no trace."""
        return self.erased is not None and self.erased.outranks(position)

    def redacted(self, statement: StatementOfReasons) -> StatementOfReasons:
        """The statement as the law wants it kept: of what was erased it names neither place nor bytes."""
        if self.erased is None or statement.occurred_at > self.erased.until:
            return statement
        return statement.without_names()

    @property
    def is_announced(self) -> bool:
        """Whether the broker has acknowledged everything that the current verdict says."""
        return self.announced is not None and self.announced.revision == self.revision

    @property
    def all_claims(self) -> Claims:
        """The claims, also of a head that was kept before claims were."""
        if self.claims.storage or self.claims.producer:
            return self.claims
        kept = Claim(
            position=self.position,
            location=self.location,
            is_removal=self.state is State.DELETED,
            restaurant_id=self.restaurant_id,
        )
        return Claims.of(kept)

    @property
    def all_decisions(self) -> tuple[Decision, ...]:
        """The decisions, also of a head that an earlier version kept, which knew of one."""
        if self.decision is None or any(each.event_id == self.decision.event_id for each in self.decisions):
            return self.decisions
        return remembered((*self.decisions, self.decision), standing=self.digest)

    @property
    def digest(self) -> str | None:
        """Of the bytes that stand; None where none do."""
        return self.content.digest if self.content else None

    def holds(self, claim: Claim, model: ModelRef) -> bool:
        """Whether this head already answers `claim`: its removal, or its scores by `model`."""
        if not self.position.is_same(claim.position):
            return False
        return claim.is_removal or (self.scores is not None and self.scores.model == model)


class ScoreRecord(Value):
    """History: what one model version said of one content of an image. Never overwritten by another."""

    image_id: str
    content_version: str
    scores: Scores
    position: Position
    scored_at: Moment
    seconds: dict[str, float]
    """Seconds by stage: fetch, decode, queued, forward."""
    job: str = "live"
    content: Content | None = None


class Kept(Value):
    """The change was made, or had been made before; `head` is what the store holds."""

    head: ImageHead


class Stale(Value):
    """The store holds something newer: nothing was written. `head` is what it holds."""

    head: ImageHead
