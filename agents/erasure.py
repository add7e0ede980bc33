"""Erasure of an image's head: pure changes, for `ScoreStore.apply` (ADR 21).

The head becomes a tombstone that says what is to be withdrawn, and nothing else of what it knew; once the
withdrawal is acknowledged, not even that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agents.bounded_times import ClockLimits
from schemas.claims import Claim, Claims
from schemas.decisions import Decision
from schemas.erasure import Erasure
from schemas.records import Announced, ImageHead, Kept, PossiblyPublished, State
from schemas.tags import Route
from streams.ports import Change

JOB: Final = "erasure"
_CLOCK: Final = ClockLimits()


def erased(
    image_id: str, *, at: datetime, clock: ClockLimits = _CLOCK, uploader_id: str | None = None
) -> Change:
    """The image is erased: what the world may have heard of it is to be withdrawn; of one that is, nothing.

    An erasure that is asked for by `uploader_id` is found by it until the withdrawal is acknowledged.
    """

    def change(stored: ImageHead | None) -> Kept:
        if stored and stored.is_erased:
            return Kept(head=stored)
        heard = stored.all_claims if stored else Claims()
        made = Erasure.of(image_id, heard, at=at, horizon=clock.horizon(at))
        return Kept(head=_tombstone(image_id, stored, made, uploader_id))

    return change


def raised(head: ImageHead, removal: Claim) -> ImageHead:
    """An erased image was removed, too: what the removal ends is outranked, and nothing is announced."""
    if head.erased is None:
        raise LookupError(f"{head.image_id} was never erased")
    return head.model_copy(update={"erased": head.erased.raised(removal)})


def told(head: ImageHead, announced: Announced) -> ImageHead:
    """An erased image of which the withdrawal is acknowledged: nobody is named any more."""
    forgotten = Claims.of(*(_unnamed(each) for each in (head.claims.storage, head.claims.producer) if each))
    finished = head.erased and head.erased.model_copy(update={"is_told": True})
    facts = {"announced": announced, "pending": (), "statements": (), "claims": forgotten, "erased": finished}
    return head.model_copy(update=facts)


def is_beyond(head: ImageHead, decision: Decision) -> bool:
    """Whether the decision is of a photograph that was erased."""
    return head.is_erased or (head.erased is not None and decision.decided_at <= head.erased.until)


def _tombstone(
    image_id: str, stored: ImageHead | None, erasure: Erasure, uploader_id: str | None
) -> ImageHead:
    claim = erasure.claim(image_id, uploader_id=uploader_id)
    head = ImageHead(
        image_id=image_id,
        location=claim.location,
        position=claim.position,
        claims=Claims.of(claim),
        state=State.DELETED,
        pending=_possibly_published(stored) if stored else (),
        revision=stored.revision + 1 if stored else 1,
        job=JOB,
        erased=erasure,
    )
    # What was stated and not published yet is the law's: it is published, without what it names.
    unsaid = tuple(head.redacted(each) for each in stored.statements) if stored else ()
    return head.model_copy(update={"statements": unsaid})


def _possibly_published(stored: ImageHead) -> tuple[PossiblyPublished, ...]:
    """Every route that the world may have heard of, by its place alone: no score is needed to withdraw it."""
    announced = stored.announced
    known = [(each.route, each.restaurant_id) for each in stored.pending]
    if announced and announced.verdict:
        known += [(route, announced.restaurant_id) for route in announced.verdict.routes]
    if stored.verdict and not stored.is_announced:
        known += [(route, stored.restaurant_id) for route in stored.verdict.routes]
    bare = (PossiblyPublished(route=_bare(route), restaurant_id=restaurant) for route, restaurant in known)
    return tuple(dict.fromkeys(bare))


def _bare(route: Route) -> Route:
    return Route(topic=route.topic, label=route.label, probability=0.0, threshold=0.0, rule="")


def _unnamed(claim: Claim) -> Claim:
    return claim.model_copy(update={"uploader_id": None})
