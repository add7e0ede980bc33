"""Moderation policy: a person's decision over the model's verdict, and what is hidden meanwhile. Pure.

A person's word outranks any score until it is revoked, of the bytes that the person saw: other
bytes under the same key have been seen by nobody (ADR 7), and what is decided of them, late or not,
lifts nothing that was decided of these: one decision is in force for each digest (ADR 17). A
photograph that is flagged for moderation is hidden until it was verified, and what is hidden is in no
collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from schemas import topics
from schemas.decisions import Decided, Decision, latest, remembered
from schemas.records import ImageHead, State
from schemas.tags import UNCERTAIN, Route, Verdict

Correct = Callable[[Verdict, tuple[str, ...]], Verdict]


class Unapplied(StrEnum):
    """Why a decision that is remembered does nothing."""

    OUTRANKED = "outranked"
    """A later decision holds of the same bytes."""
    OTHER_BYTES = "other_bytes"
    """It was made of other bytes than those that stand."""
    REMOVED = "removed"
    """Nothing stands: the image was removed."""


def heard(head: ImageHead, decision: Decision, *, horizon: datetime) -> ImageHead:
    """`head` with `decision` among those that it remembers: itself where it is; what holds is not ruled on.

    What an earlier version kept of a time beyond `horizon` outranks nothing that comes now: it is forgotten.
    """
    made = head.all_decisions
    if any(each.event_id == decision.event_id for each in made):
        return head
    bound = _bound(decision, head, [each for each in made if each.decided_at <= horizon])
    rivals = (None, bound.content_digest)
    kept = (each for each in made if each.decided_at <= horizon or each.content_digest not in rivals)
    return _remembering(head, (*kept, bound))


def _bound(decision: Decision, head: ImageHead, made: Sequence[Decision]) -> Decision:
    """`decision` with the bytes that it was made of, where it does not say so itself."""
    if decision.content_digest:
        return decision
    # Those that name no bytes have one order among themselves: what is late, or comes again, is not of
    # bytes that stood only after its successor was heard.
    unnamed = (each for each in made if each.digest_assumed or not each.content_digest)
    successor = next(filter(decision.precedes, unnamed), None)
    digest = head.digest if decision.decided_at >= head.position.uploaded_at else None
    digest = successor.content_digest if successor else digest
    return decision.model_copy(update={"content_digest": digest, "digest_assumed": digest is not None})


def _remembering(head: ImageHead, decisions: Iterable[Decision]) -> ImageHead:
    """`head` with these decisions, and of them the one that an earlier version is to know."""
    made = remembered(decisions, standing=head.digest)
    remembers = head.model_copy(update={"decisions": made, "decision": None})
    return remembers.model_copy(update={"decision": last_word(remembers) or latest(made)})


def last_word(head: ImageHead) -> Decision | None:
    """The last decision of the present bytes; one that names no bytes only where none names them."""
    of_bytes = [each for each in head.all_decisions if not is_of_other_bytes(head, each)]
    return latest(each for each in of_bytes if each.content_digest) or latest(of_bytes)


def in_force(head: ImageHead) -> Decision | None:
    """The decision that holds of the image's present bytes."""
    decision = last_word(head)
    return None if decision is None or decision.action is Decided.REVOKE else decision


def unapplied(head: ImageHead, decision: Decision) -> Unapplied | None:
    """Why `decision`, which `head` remembers, does nothing; None where it holds."""
    same = (each for each in head.all_decisions if each.content_digest == decision.content_digest)
    if any(map(decision.precedes, same)):
        return Unapplied.OUTRANKED
    if head.state is State.DELETED:
        return Unapplied.REMOVED
    if is_of_other_bytes(head, decision):
        return Unapplied.OTHER_BYTES
    return None if last_word(head) == decision else Unapplied.OUTRANKED


def forgotten(before: ImageHead, head: ImageHead) -> tuple[Decision, ...]:
    """The decisions that held of their bytes, and of whose bytes `head` remembers none any more."""
    digests = {each.content_digest for each in head.all_decisions}
    return tuple(each for each in before.all_decisions if each.content_digest not in digests)


def is_of_other_bytes(head: ImageHead, decision: Decision) -> bool:
    """Whether `decision` was made of other bytes than those that stand."""
    if decision.content_digest and head.content:
        return decision.content_digest != head.content.digest
    return decision.decided_at < head.position.uploaded_at


def ruled(head: ImageHead, correct: Correct, *, now: datetime) -> ImageHead:
    """`head` with the verdict and the state that follow from its claims, scores and decisions."""
    head = _remembering(head, head.all_decisions)
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
