"""State transitions of an image's head: pure changes, for `ScoreStore.apply`.

Every change joins what it knows into what is stored, so the outcome does not depend on who writes
first. A change that alters what holds counts `revision` up; the announcement that follows says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agents import erasure, moderation_policy
from agents.bounded_times import NEVER, ClockLimits
from agents.ports import Rules
from agents.statement_template import StatementTemplate
from agents.statements import Occurrence
from schemas.claims import Claim, Claims
from schemas.decisions import Decision
from schemas.errors import UnknownImage
from schemas.events import Reason
from schemas.records import Announced, Content, ImageHead, Kept, PossiblyPublished, Stale, State
from schemas.tags import ModelRef, Scores
from streams.ports import Change

_NOTHING: Final = Claims()
_CLOCK: Final = ClockLimits()
_GENERAL: Final = StatementTemplate()


@dataclass(frozen=True, slots=True)
class Scoring:
    """One claim's bytes, scored."""

    claim: Claim
    scores: Scores
    content: Content
    stored_as: str | None = None
    """The version or the etag of the object that was read, where storage gives one."""
    reason: Reason = Reason.LIVE
    job: str = "live"


@dataclass(frozen=True, slots=True)
class Transitions:
    """The changes that the world makes to one image, by these rules, at this moment."""

    image_id: str
    rules: Rules
    now: datetime
    arrived: Claims = _NOTHING
    """What brought us here; it is joined into whatever becomes of the head."""
    clock: ClockLimits = _CLOCK
    template: StatementTemplate = _GENERAL
    """In whose words it is stated why a photograph is hidden or restored."""

    def scored(self, scoring: Scoring) -> Change:
        """The standing claim has scores now; stale when another claim stands meanwhile."""

        def change(stored: ImageHead | None) -> Kept | Stale:
            claims = self.joined(stored, scoring.claim)
            if not claims.current.is_same(scoring.claim):
                return Stale(head=_surely(stored))
            if stored and stored.holds(scoring.claim, scoring.scores.model):
                return Kept(head=stored)
            return Kept(head=self._next(stored, claims, **self._judgement(stored, scoring)))

        return change

    def noted(self, stored: ImageHead | None) -> Kept | Stale:
        """A `Change`: what arrived is answered already, or outranked, and is remembered."""
        head = _surely(stored)
        claims = self.joined(head)
        if not claims.current.position.is_same(head.position):
            return Stale(head=head)
        if claims.restaurant_id != head.all_claims.restaurant_id:
            return Kept(head=self._next(head, claims))
        return Kept(head=head if claims == head.claims else head.model_copy(update={"claims": claims}))

    def rejudged(self, stored: ImageHead | None, *, model: ModelRef, job: str) -> Kept | Stale:
        """What the scores mean by the rules of now, which are `model`'s; another's are left alone."""
        head = _surely(stored)
        if head.scores is None or head.scores.model != model:
            return Kept(head=head)
        judged = self.rules.decide(head.scores, head.announced.verdict if head.announced else None)
        if judged == head.judged:
            return Kept(head=head)
        facts: dict[str, Any] = {"judged": judged, "reason": Reason.REPLAY, "job": job}
        return Kept(head=self._next(head, head.all_claims, **facts))

    def removed(self, claim: Claim) -> Change:
        """The image is gone: what was said of it is withdrawn; its history stays."""

        def change(stored: ImageHead | None) -> Kept | Stale:
            claims = self.joined(stored, claim)
            if not claims.current.is_same(claim):
                return Stale(head=_surely(stored))
            if stored and stored.is_erased:
                return Kept(head=erasure.raised(stored, claim))
            if stored and stored.state is State.DELETED and stored.position.is_same(claim.position):
                return Kept(head=stored)
            return Kept(head=self._next(stored, claims, reason=Reason.LIVE, job="live", **_gone()))

        return change

    def vanished(self, removal: Claim, *, ended: Claim) -> Change:
        """Storage has nothing where `ended` has the image: `removal` holds, whatever their times say.

        Somebody's word that came in since then is left alone, with what follows from it.
        """

        def change(stored: ImageHead | None) -> Kept | Stale:
            head = _surely(stored)
            if head.state is State.DELETED and head.position.is_same(removal.position):
                return Kept(head=head)
            known = self.joined(head)
            claims = known.without(ended).joined(Claims.of(removal))
            if not (known.current.is_same(ended) and claims.current.is_same(removal)):
                return Kept(head=head)
            return Kept(head=self._next(head, claims, reason=Reason.LIVE, job="live", **_gone()))

        return change

    def decided(self, decision: Decision) -> Change:
        """A person has decided; raises `UnknownImage` where there is nothing to decide on."""

        def change(stored: ImageHead | None) -> Kept | Stale:
            if stored is None:
                raise UnknownImage
            if erasure.is_beyond(stored, decision):
                return Stale(head=stored)
            remembers = moderation_policy.heard(stored, decision, horizon=self._horizon)
            forces = [moderation_policy.in_force(each) for each in (stored, remembers)]
            if stored.state is State.DELETED or forces[0] == forces[1]:
                return Kept(head=remembers)  # nothing that holds has changed: there is nothing to be said
            claims = stored.all_claims
            return Kept(head=self._next(remembers, claims, word=decision, reason=Reason.CORRECTION))

        return change

    def joined(self, stored: ImageHead | None, *claims: Claim) -> Claims:
        """What is stored, what arrived and `claims`."""
        return joined(stored, Claims.of(*claims).joined(self.arrived), horizon=self._horizon)

    @property
    def _horizon(self) -> datetime:
        return self.clock.horizon(self.now)

    def _judgement(self, stored: ImageHead | None, scoring: Scoring) -> dict[str, Any]:
        announced = stored.announced.verdict if stored and stored.announced else None
        return {
            "scores": scoring.scores,
            "content": scoring.content,
            "stored_as": scoring.stored_as,
            "judged": self.rules.decide(scoring.scores, announced),
            "reason": scoring.reason,
            "job": scoring.job,
        }

    def _next(
        self,
        stored: ImageHead | None,
        claims: Claims,
        *,
        word: Decision | None = None,
        **facts: Any,  # noqa: ANN401 - fields of the head
    ) -> ImageHead:
        """The head's next revision, by a person's `word` or without one."""
        standing = claims.current
        facts |= {
            "location": standing.location,
            "position": standing.position,
            "claims": claims,
            "restaurant_id": claims.restaurant_id,
        }
        if stored is None:
            head = ImageHead(image_id=self.image_id, state=State.VISIBLE, revision=1, **facts)
        else:
            head = stored.model_copy(update=facts | _counted(stored, claims))
        return self._stated(stored, moderation_policy.ruled(head, self.rules.correct, now=self.now), word)

    def _stated(self, stored: ImageHead | None, head: ImageHead, word: Decision | None) -> ImageHead:
        """`head` with the statements of reasons of what became of it."""
        made = Occurrence(stored, head, self.now, word).statements(self.template)
        return head.model_copy(update={"statements": (*head.statements, *made)}) if made else head


def joined(stored: ImageHead | None, arrived: Claims, *, horizon: datetime = NEVER) -> Claims:
    """All claims but those of what was erased, and those of times that no version takes any more.

    Of two deliveries of one event the one that arrived now comes first: it may know more.
    """
    if stored is None:
        return arrived
    admitted = stored.erased.admitted(arrived) if stored.erased else arrived
    if admitted == _NOTHING:
        return stored.all_claims
    return admitted.joined(stored.all_claims.within(horizon))


def unchanged(stored: ImageHead | None) -> Kept | Stale:
    """A `Change` that makes none: for whoever only adds to the history of an image that is known."""
    return Kept(head=_surely(stored))


def acknowledged(head: ImageHead) -> Change:
    """The broker has acknowledged all that `head` says; nothing, where it has what a later one says."""
    announced = Announced(
        verdict=head.verdict,
        position=head.position,
        restaurant_id=head.restaurant_id,
        revision=head.revision,
    )

    def change(stored: ImageHead | None) -> Kept | Stale:
        held = _surely(stored)
        if held.announced and held.announced.revision >= head.revision:
            return Kept(head=held)
        is_all = held.revision == head.revision
        if held.is_erased:  # what was said before it is in no head any more
            return Kept(head=erasure.told(held, announced) if is_all else held)
        # What a later head left pending may have been said before or after: it stays pending.
        pending = () if is_all else held.pending
        said = {each.puid for each in head.statements}
        unsaid = tuple(each for each in held.statements if each.puid not in said)
        facts = {"announced": announced, "pending": pending, "statements": unsaid}
        return Kept(head=held.model_copy(update=facts))

    return change


def _gone() -> dict[str, Any]:
    return dict.fromkeys(("scores", "judged", "content", "stored_as"))


def _counted(stored: ImageHead, claims: Claims) -> dict[str, Any]:
    is_same = claims.current.position.is_same(stored.position)
    return {
        "revision": stored.revision + 1,
        "turn": stored.turn + 1 if is_same else 0,
        "pending": _pending(stored),
    }


def _pending(stored: ImageHead) -> tuple[PossiblyPublished, ...]:
    """What may have been said since the last acknowledgement: a worker dies between saying and marking."""
    if stored.is_announced or stored.verdict is None:
        return stored.pending
    published = tuple(
        PossiblyPublished(route=each, restaurant_id=stored.restaurant_id) for each in stored.verdict.routes
    )
    return (*stored.pending, *(each for each in published if each not in stored.pending))


def _surely(stored: ImageHead | None) -> ImageHead:
    """A head that was read before and that nothing deletes."""
    if stored is None:
        raise LookupError("the image's head has vanished from the store")
    return stored
