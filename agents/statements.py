"""Statements of reasons of one change of a head: pure, each with an id that the same change always gives.

They are made with the change and kept in the head with it (a transactional outbox), so that whoever publishes
the head states what was decided then, in the words of then, however often a worker dies in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from agents import moderation_policy
from agents.statement_template import StatementTemplate
from schemas import identity, topics
from schemas.decisions import Decided, Decision
from schemas.events import Announcement
from schemas.records import ImageHead, State
from schemas.statements import (
    AutomatedDecision,
    AutomatedDetection,
    DecisionGround,
    DecisionVisibility,
    SourceType,
    StatementKind,
    StatementOfReasons,
)
from schemas.tags import UNCERTAIN, Route, Verdict

_NO_RESTRICTION: Final = "No restriction: the photograph is visible."


def announced(head: ImageHead) -> tuple[Announcement, ...]:
    """The head's statements on their way to their topic."""
    return tuple(
        Announcement(topic=topics.STATEMENTS, key=each.image_id, event=each) for each in head.statements
    )


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What became of a photograph with one change of its head."""

    before: ImageHead | None
    after: ImageHead
    at: datetime
    word: Decision | None = None
    """The decision that led to it."""

    def statements(self, template: StatementTemplate) -> tuple[StatementOfReasons, ...]:
        """What has to be stated of it, in the words of `template`."""
        return tuple(self._statement(kind, template) for kind in self._kinds())

    def _kinds(self) -> Iterator[StatementKind]:
        decision = self._applied
        if decision:
            yield StatementKind.DECISION
        if self._hides and not (decision and decision.action is Decided.REJECT):
            yield StatementKind.HIDE
        if self._restores:
            yield StatementKind.RESTORE

    @property
    def _hides(self) -> bool:
        """Whether it is hidden that was not, or other bytes are: those are another photograph."""
        return self.after.state is State.HIDDEN and not (self._was_hidden and self._is_same_photograph)

    @property
    def _restores(self) -> bool:
        return self.after.state is State.VISIBLE and self._was_hidden

    @property
    def _was_hidden(self) -> bool:
        return self.before is not None and self.before.state is State.HIDDEN

    @property
    def _is_same_photograph(self) -> bool:
        was, now = self.before and self.before.digest, self.after.digest
        return was is None or now is None or was == now

    @property
    def _applied(self) -> Decision | None:
        """The decision that came with this change, where it does anything."""
        word = self.word
        if word is None or self.after.state is State.DELETED:
            return None
        if word.action is Decided.REVOKE:
            return word
        force = moderation_policy.in_force(self.after)
        return word if force and force.event_id == word.event_id else None

    @property
    def _is_by_a_person(self) -> bool:
        return self._applied is not None or moderation_policy.in_force(self.after) is not None

    def _statement(self, kind: StatementKind, template: StatementTemplate) -> StatementOfReasons:
        head = self.after
        findings = self._findings(kind)
        label = findings[0].label if findings else ""
        puid = identity.event_id(
            "statement", head.image_id, head.position.event_id, str(head.revision), str(kind)
        )
        decision = self._applied if kind is StatementKind.DECISION else None
        return StatementOfReasons(
            event_id=puid,
            image_id=head.image_id,
            revision=head.revision,
            kind=kind,
            action=decision.action if decision else None,
            occurred_at=self.at,
            restaurant_id=head.restaurant_id,
            content_digest=head.digest,
            model=head.scores.model if head.scores else None,
            puid=puid,
            content_date=head.position.uploaded_at.date(),
            application_date=self.at.astimezone(UTC).date(),
            source_type=SourceType.VOLUNTARY,
            automated_detection=self._detection(),
            automated_decision=self._automation(kind),
            **self._restriction(),
            **self._words(kind, label, findings, template),
        )

    def _restriction(self) -> dict[str, Any]:
        if self.after.state is State.HIDDEN:
            return {"decision_visibility": (DecisionVisibility.DISABLED,)}
        ended = self.at.astimezone(UTC).date() if self._restores else None
        return {
            "decision_visibility": (DecisionVisibility.OTHER,),
            "decision_visibility_other": _NO_RESTRICTION,
            "end_date_visibility_restriction": ended,
        }

    def _words(
        self, kind: StatementKind, label: str, findings: tuple[Route, ...], template: StatementTemplate
    ) -> dict[str, Any]:
        values = self._values(findings)
        ground = template.ground_of(label, values)
        why = template.explanation_of(kind, label, values)
        is_illegal = template.decision_ground is DecisionGround.ILLEGAL
        grounds = {
            "illegal_content_legal_ground" if is_illegal else "incompatible_content_ground": ground,
            "illegal_content_explanation" if is_illegal else "incompatible_content_explanation": why,
        }
        return grounds | {
            "decision_ground": template.decision_ground,
            "decision_ground_reference_url": template.reference_url,
            "category": template.category_of(label),
            "territorial_scope": template.territorial_scope,
            "content_language": template.content_language,
            "decision_facts": template.facts_of(kind, values),
        }

    def _values(self, findings: tuple[Route, ...]) -> dict[str, str]:
        head, decision = self.after, self._applied or moderation_policy.in_force(self.after)
        first = findings[0] if findings else None
        judged = head.judged or head.verdict
        rule = first.rule if first else "none"
        return {
            "action": str(decision.action) if decision else "no decision",
            "cause": f"a moderator decided: {decision.action}" if decision else rule,
            "findings": "; ".join(map(_in_words, findings)) or "nothing",
            "image": head.image_id,
            "label": first.label if first else "none",
            "model": judged.model.name if judged else "none",
            "probability": f"{first.probability:.3f}" if first else "none",
            "restaurant": head.restaurant_id or "none",
            "rule": rule,
            "state": str(head.state),
            "threshold": f"{first.threshold:g}" if first else "none",
            "time": self.at.astimezone(UTC).isoformat(timespec="seconds"),
            "version": judged.model.version if judged else "none",
        }

    def _findings(self, kind: StatementKind) -> tuple[Route, ...]:
        """What the model found, the surest first; the label that came nearest, where it flagged nothing."""
        now = _flags(self.after.judged)
        if kind is StatementKind.DECISION:
            found = now
        else:
            found = tuple(each for each in now if each.label != UNCERTAIN)
        if kind is StatementKind.RESTORE and not found:
            found = self._fallen()
        return found or _nearest(self.after.judged)

    def _fallen(self) -> tuple[Route, ...]:
        """What hid the photograph and no longer holds, with the probabilities of now."""
        was = _flags(self.before.judged) if self.before else ()
        now = self.after.scores.probabilities if self.after.scores else {}
        return tuple(
            each.model_copy(
                update={
                    "probability": now.get(each.label, each.probability),
                    "rule": f"{each.label} no longer holds",
                }
            )
            for each in was
            if each.label != UNCERTAIN
        )

    def _detection(self) -> AutomatedDetection:
        """Whether the model asked for a person, or had done so until now."""
        was = self.before.judged if self.before and self._was_hidden else None
        flagged = _flags(self.after.judged) or _flags(was)
        return AutomatedDetection.YES if flagged else AutomatedDetection.NO

    def _automation(self, kind: StatementKind) -> AutomatedDecision:
        if kind is StatementKind.DECISION and self.after.scores is None:
            return AutomatedDecision.NOT_AUTOMATED
        return AutomatedDecision.PARTIALLY if self._is_by_a_person else AutomatedDecision.FULLY


def _flags(judged: Verdict | None) -> tuple[Route, ...]:
    """Why the model asks for a person, the surest first."""
    routes = (route for route in (judged.routes if judged else ()) if route.topic == topics.MODERATION)
    return tuple(sorted(routes, key=lambda route: -route.probability))


def _nearest(judged: Verdict | None) -> tuple[Route, ...]:
    tags = judged.tags[:1] if judged else ()
    return tuple(
        Route(
            topic=topics.MODERATION,
            label=tag.label,
            probability=tag.probability,
            threshold=tag.threshold,
            rule="the model flags nothing",
        )
        for tag in tags
    )


def _in_words(found: Route) -> str:
    return f"{found.label} {found.probability:.3f}, threshold {found.threshold:g} ({found.rule})"
