"""Moderation policy: a person's decision over the model's verdict, and what is hidden meanwhile. Pure.

A person's word outranks any score until it is revoked, of the bytes that the person saw: other
bytes under the same key have been seen by nobody (ADR 7). A photograph that is flagged for
moderation is hidden until it was verified, and what is hidden is in no collection.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas import topics
from schemas.decisions import Decided, Decision
from schemas.records import ImageHead, State
from schemas.tags import UNCERTAIN, Route, Verdict

Correct = Callable[[Verdict, tuple[str, ...]], Verdict]


def bound(decision: Decision, head: ImageHead) -> Decision:
    """`decision` with the bytes that it was made of, where it does not say so itself."""
    if decision.content_digest or not head.content or decision.decided_at < head.position.uploaded_at:
        return decision
    return decision.model_copy(update={"content_digest": head.content.digest})


def in_force(head: ImageHead) -> Decision | None:
    """The decision that holds of the image's present bytes."""
    decision = head.decision
    if decision is None or decision.action is Decided.REVOKE or is_of_other_bytes(head, decision):
        return None
    return decision


def is_of_other_bytes(head: ImageHead, decision: Decision) -> bool:
    """Whether `decision` was made of other bytes than those that stand."""
    if decision.content_digest and head.content:
        return decision.content_digest != head.content.digest
    return decision.decided_at < head.position.uploaded_at


def ruled(head: ImageHead, correct: Correct, *, now: datetime) -> ImageHead:
    """`head` with the verdict and the state that follow from its claims, scores and decision."""
    judged = head.judged or head.verdict
    if head.all_claims.current.is_removal or judged is None:
        return head.model_copy(update={"state": State.DELETED, "verdict": None, "flagged_at": None})
    decision = in_force(head)
    verdict, state = _decided(judged, decision, correct) if decision else _judged(judged)
    flagged = any(route.topic == topics.MODERATION for route in verdict.routes)
    since = (head.flagged_at or now) if flagged else None
    return head.model_copy(update={"verdict": verdict, "state": state, "flagged_at": since})


def _judged(judged: Verdict) -> tuple[Verdict, State]:
    """Hidden while a label sends the image to moderation; doubt alone hides nothing."""
    flagged = any(_is_moderation(route) and route.label != UNCERTAIN for route in judged.routes)
    if not flagged:
        return judged, State.VISIBLE
    return _keeping(judged, _is_moderation), State.HIDDEN


def _decided(judged: Verdict, decision: Decision, correct: Correct) -> tuple[Verdict, State]:
    """Nobody needs to look any more; a rejected image is in no collection."""
    spoken = judged if decision.labels is None else correct(judged, decision.labels)
    if decision.action is Decided.REJECT:
        return _keeping(spoken, lambda _: False), State.HIDDEN
    return _keeping(spoken, lambda route: not _is_moderation(route)), State.VISIBLE


def _is_moderation(route: Route) -> bool:
    return route.topic == topics.MODERATION


def _keeping(verdict: Verdict, wanted: Callable[[Route], bool]) -> Verdict:
    return verdict.model_copy(update={"routes": tuple(filter(wanted, verdict.routes))})
