"""Audit trail of an image: every fact from its events to what was announced. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Literal

from agents import announcements, moderation_policy
from agents.moderation_policy import Unapplied
from schemas import topics
from schemas.claims import Claim, Claims
from schemas.decisions import Decided, Decision
from schemas.erasure import Erasure
from schemas.events import Action, Reason
from schemas.records import Announced, Content, ImageHead, ScoreRecord, State
from schemas.tags import ModelRef, Route, Tag, Value, Verdict
from schemas.uploads import Location, Moment


class ClaimView(Claim):
    """The latest claim of one source, storage or a producer."""

    voice: Literal["storage", "producer"]
    stands: bool


class LabelView(Tag):
    """One label: what the model says of it, and what holds."""

    reached: bool
    """Whether the probability reaches the threshold."""


class RouteView(Route):
    """A route that the model's scores or a person's labels lead to."""

    in_force: bool
    why_not: str | None = None


class AnnouncementState(StrEnum):
    """Whether a route was announced."""

    ANNOUNCED = "announced"
    """The broker has acknowledged it."""
    MAYBE = "may have been announced"
    """A worker may have died between saying it and marking it."""
    TO_ADD = "to be announced"
    TO_REMOVE = "to be withdrawn"


class RouteAnnouncement(Value):
    """A route and whether it was announced."""

    topic: str
    label: str
    restaurant_id: str | None
    """Whose collection it is, or the image's restaurant."""
    hearing: AnnouncementState


class AnnouncedView(Value):
    """What was announced of the image."""

    revision: int | None
    """The last one that the broker acknowledged; None where none was."""
    is_current: bool
    """Whether that is all there is to say."""
    routes: tuple[RouteAnnouncement, ...]


class DecisionView(Decision):
    """A decision of a person."""

    in_force: bool
    why_not: str | None = None


class Trail(Value):
    """All of it."""

    image_id: str
    state: State
    erased: Erasure | None
    """The last erasure, also of an image that was uploaded anew since."""
    is_erased: bool
    """Whether nothing is known of the image any more."""
    location: Location
    restaurant_id: str | None
    claims: tuple[ClaimView, ...]
    why_it_stands: str
    content: Content | None
    model: ModelRef | None
    """What made the scores that stand."""
    computed_by: str | None
    """What ran the model; None where there are no scores, and where an earlier program made them."""
    rendition: str | None = None
    """The recipe of the rendition that was scored in place of the photograph; None where that itself was."""
    tags: tuple[LabelView, ...]
    routes: tuple[RouteView, ...]
    decision: DecisionView | None
    """The last one of the present bytes, else the last one."""
    other_decisions: tuple[DecisionView, ...]
    """What else was decided and is remembered, the latest first: of other bytes, or outranked."""
    revision: int
    told: AnnouncedView
    reason: Reason
    job: str
    flagged_at: Moment | None
    history: tuple[ScoreRecord, ...]
    """Every score ever made of the image, oldest first."""

    @property
    def standing(self) -> ClaimView:
        """The claim that holds."""
        return next(each for each in self.claims if each.stands)

    @property
    def was_scored(self) -> bool:
        """Whether any model ever looked at the image."""
        return bool(self.history) or self.model is not None


def follow(head: ImageHead, history: Sequence[ScoreRecord]) -> Trail:
    """The trail of the image of `head`, of which `history` are the scores."""
    return Trail(
        image_id=head.image_id,
        state=head.state,
        erased=head.erased,
        is_erased=head.is_erased,
        location=head.location,
        restaurant_id=head.restaurant_id,
        claims=_claims(head.all_claims),
        why_it_stands=_why_it_stands(head.all_claims),
        content=head.content,
        model=head.scores.model if head.scores else None,
        computed_by=head.scores.computed_by if head.scores else None,
        rendition=head.scores.rendition if head.scores else None,
        tags=_labels(head),
        routes=tuple(_route_views(head)),
        decision=_decision_view(head, head.decision) if head.decision else None,
        other_decisions=tuple(
            _decision_view(head, each) for each in reversed(head.all_decisions) if each != head.decision
        ),
        revision=head.revision,
        told=_told(head),
        reason=head.reason,
        job=head.job,
        flagged_at=head.flagged_at,
        history=tuple(sorted(history, key=lambda record: record.scored_at)),
    )


def _claims(claims: Claims) -> tuple[ClaimView, ...]:
    """The claims of both sources; of one event that both carry, the one that stands is the earlier."""
    standing = claims.current
    voices: tuple[tuple[Literal["storage", "producer"], Claim | None], ...] = (
        ("storage", claims.storage),
        ("producer", claims.producer),
    )
    return tuple(
        ClaimView(**dict(claim), voice=voice, stands=claim is standing) for voice, claim in voices if claim
    )


def _why_it_stands(claims: Claims) -> str:
    storage, producer = claims.storage, claims.producer
    if storage is None or producer is None:
        return f"only {'storage' if storage else 'a producer'} has spoken of the image"
    voice, other = ("storage", "the producer") if claims.current is storage else ("the producer", "storage")
    if storage.is_same(producer):
        return f"both are one event; {voice} published it first"
    if storage.position.uploaded_at == producer.position.uploaded_at:
        return f"both are of one moment, and what {voice} says came later on the topic"
    return f"what {voice} says is of a later moment than what {other} says"


def _labels(head: ImageHead) -> tuple[LabelView, ...]:
    tags = head.verdict.tags if head.verdict else ()
    known = head.scores.probabilities if head.scores else {}
    return tuple(
        LabelView(**dict(tag), reached=tag.label in known and tag.probability >= tag.threshold)
        for tag in tags
    )


def _route_views(head: ImageHead) -> Iterator[RouteView]:
    """What holds, and behind it what the model alone would do."""
    held = head.verdict.routes if head.verdict else ()
    for route in held:
        why_not = _without_restaurant(head, route)
        yield RouteView(**dict(route), in_force=why_not is None, why_not=why_not)
    places = {(route.topic, route.label) for route in held}
    judged = head.judged.routes if head.judged else ()
    for route in judged:
        if (route.topic, route.label) not in places:
            yield RouteView(**dict(route), in_force=False, why_not=_withheld(head))


def _without_restaurant(head: ImageHead, route: Route) -> str | None:
    is_collection = route.topic != topics.MODERATION
    return "the image has no restaurant" if is_collection and head.restaurant_id is None else None


def _withheld(head: ImageHead) -> str:
    if head.state is State.DELETED:
        return "the image was removed"
    if decision := moderation_policy.in_force(head):
        return f"{decision.decided_by} decided: {_in_words(decision)}"
    return "hidden until a person has verified it"


def _in_words(decision: Decision) -> str:
    if decision.action is not Decided.CORRECT:
        return decision.action
    return f"{decision.action} to {', '.join(decision.labels or ()) or 'no label'}"


def _decision_view(head: ImageHead, decision: Decision) -> DecisionView:
    why_not = _not_in_force(head, decision)
    return DecisionView(**dict(decision), in_force=why_not is None, why_not=why_not)


def _not_in_force(head: ImageHead, decision: Decision) -> str | None:
    match moderation_policy.unapplied(head, decision):
        case Unapplied.OUTRANKED:
            return "a later decision holds of the same bytes"
        case _ if decision.action is Decided.REVOKE:
            return "it takes back the decision before it, and decides nothing"
        case Unapplied.REMOVED:
            return "the image was removed"
        case Unapplied.OTHER_BYTES if decision.content_digest:
            return f"it is of other bytes (sha256 {decision.content_digest[:12]}) than those that stand"
        case Unapplied.OTHER_BYTES:
            return "it is older than the upload that stands, so it was of other bytes"
        case None:
            return None


def _told(head: ImageHead) -> AnnouncedView:
    announced = head.announced
    return AnnouncedView(
        revision=announced.revision if announced else None,
        is_current=head.is_announced,
        routes=(*_announced(announced), *_pending(head), *_to_be_said(head)),
    )


def _announced(announced: Announced | None) -> Iterator[RouteAnnouncement]:
    verdict: Verdict | None = announced.verdict if announced else None
    restaurant = announced.restaurant_id if announced else None
    for route in verdict.routes if verdict else ():
        if route.topic == topics.MODERATION or restaurant:
            yield _announcement(route, restaurant, AnnouncementState.ANNOUNCED)


def _pending(head: ImageHead) -> Iterator[RouteAnnouncement]:
    for possible in head.pending:
        if possible.route.topic == topics.MODERATION or possible.restaurant_id:
            yield _announcement(possible.route, possible.restaurant_id, AnnouncementState.MAYBE)


def _to_be_said(head: ImageHead) -> Iterator[RouteAnnouncement]:
    for move in announcements.diff(head):
        if not move.is_without_restaurant:
            hearing = AnnouncementState.TO_ADD if move.action is Action.ADDED else AnnouncementState.TO_REMOVE
            yield _announcement(move.route, move.restaurant_id, hearing)


def _announcement(route: Route, restaurant_id: str | None, hearing: AnnouncementState) -> RouteAnnouncement:
    return RouteAnnouncement(
        topic=route.topic, label=route.label, restaurant_id=restaurant_id, hearing=hearing
    )
