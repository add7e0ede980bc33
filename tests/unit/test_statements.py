"""What is stated of a photograph that is hidden, restored or decided on, and in whose words."""

from __future__ import annotations

from datetime import date

import pytest

from agents import statements
from agents.statement_template import Explanations, Facts, LabelTerms, StatementTemplate
from agents.transitions import Transitions, acknowledged
from schemas import topics
from schemas.claims import Claims
from schemas.decisions import Decided
from schemas.records import ImageHead, State
from schemas.statements import (
    AutomatedDecision,
    AutomatedDetection,
    DecisionGround,
    DecisionVisibility,
    StatementCategory,
    StatementKind,
    StatementOfReasons,
)
from streams.ports import Change

from .head_builders import (
    IMAGE,
    NOW,
    TAGGER,
    after,
    claim,
    decided,
    decision,
    outcome,
    removed,
    scored,
    scoring,
    told,
)

HIDE, RESTORE, DECISION = StatementKind.HIDE, StatementKind.RESTORE, StatementKind.DECISION
FLAGGED = scored(claim(1), menu=0.9)


def stated(*changes: Change) -> list[StatementOfReasons]:
    """All that is stated of an image that nobody knew, and to which these changes are made and told."""
    head: ImageHead | None = None
    made: list[StatementOfReasons] = []
    for change in changes:
        head = outcome(head, change).head
        made += head.statements
        head = told(head)
    return made


def kinds(*changes: Change) -> list[StatementKind]:
    return [each.kind for each in stated(*changes)]


def last(*changes: Change) -> StatementOfReasons:
    return stated(*changes)[-1]


def of_kind(kind: StatementKind, *changes: Change) -> StatementOfReasons:
    (found,) = (each for each in stated(*changes) if each.kind is kind)
    return found


def rescored(**seen: float) -> Change:
    return scored(claim(1), version="2", **seen)


def test_a_photograph_that_is_visible_from_the_start_is_no_restriction() -> None:
    assert kinds(scored(claim(1), food=0.9)) == []


def test_doubt_alone_is_no_restriction() -> None:
    assert kinds(scored(claim(1), food=0.1)) == []


def test_a_threshold_that_hides_is_stated_with_its_model_label_probability_and_threshold() -> None:
    (said,) = stated(FLAGGED)
    assert (said.kind, said.action, said.image_id, said.revision) == (HIDE, None, IMAGE, 1)
    assert said.decision_visibility == (DecisionVisibility.DISABLED,)
    assert said.automated_detection is AutomatedDetection.YES
    assert said.automated_decision is AutomatedDecision.FULLY
    assert (said.content_date, said.application_date) == (date(2026, 1, 1), date(2026, 1, 2))
    assert said.occurred_at == NOW
    assert said.model == TAGGER.model
    for fact in ("fake 1", "menu 0.900", "threshold 0.7", "menu at or above 0.7"):
        assert fact in said.decision_facts


def test_the_ground_is_that_of_the_terms_unless_the_template_says_the_law() -> None:
    (said,) = stated(FLAGGED)
    assert said.decision_ground is DecisionGround.INCOMPATIBLE
    assert said.incompatible_content_ground
    assert "menu" in (said.incompatible_content_explanation or "")
    assert (said.illegal_content_legal_ground, said.illegal_content_explanation) == (None, None)
    template = StatementTemplate(decision_ground=DecisionGround.ILLEGAL, ground="§ 22 KunstUrhG")
    (law,) = templated(template, menu=0.9)
    assert law.illegal_content_legal_ground == "§ 22 KunstUrhG"
    assert law.illegal_content_explanation
    assert (law.incompatible_content_ground, law.incompatible_content_explanation) == (None, None)


def test_a_score_that_falls_restores_and_says_the_probability_of_now() -> None:
    said = last(FLAGGED, rescored(menu=0.2, food=0.9))
    assert said.kind is RESTORE
    assert said.decision_visibility == (DecisionVisibility.OTHER,)
    assert said.decision_visibility_other
    assert said.end_date_visibility_restriction == said.application_date == date(2026, 1, 2)
    assert said.automated_decision is AutomatedDecision.FULLY
    assert said.automated_detection is AutomatedDetection.YES
    assert "menu 0.200" in said.decision_facts
    assert "menu no longer holds" in said.decision_facts
    assert said.model
    assert said.model.version == "2"


def test_an_approval_of_what_is_hidden_is_a_decision_and_restores() -> None:
    changes = (FLAGGED, decided(5, Decided.APPROVE))
    assert kinds(*changes) == [HIDE, DECISION, RESTORE]
    for kind in (DECISION, RESTORE):
        said = of_kind(kind, *changes)
        assert said.automated_decision is AutomatedDecision.PARTIALLY
        assert said.decision_visibility == (DecisionVisibility.OTHER,)
        assert said.end_date_visibility_restriction == date(2026, 1, 2)
    assert of_kind(DECISION, *changes).action is Decided.APPROVE
    assert "approve" in of_kind(RESTORE, *changes).decision_facts


def test_a_correction_restores_as_an_approval_does() -> None:
    assert kinds(FLAGGED, decided(5, Decided.CORRECT, "ambiance")) == [HIDE, DECISION, RESTORE]


def test_a_rejection_of_what_is_hidden_is_a_decision_and_hides_nothing_anew() -> None:
    changes = (FLAGGED, decided(5, Decided.REJECT))
    assert kinds(*changes) == [HIDE, DECISION]
    assert last(*changes).decision_visibility == (DecisionVisibility.DISABLED,)
    assert last(*changes).end_date_visibility_restriction is None


def test_a_rejection_of_what_is_visible_is_the_one_statement_of_its_restriction() -> None:
    said = last(scored(claim(1), food=0.9), decided(5, Decided.REJECT))
    assert (said.kind, said.action) == (DECISION, Decided.REJECT)
    assert said.decision_visibility == (DecisionVisibility.DISABLED,)
    assert said.automated_detection is AutomatedDetection.NO
    assert said.automated_decision is AutomatedDecision.PARTIALLY
    assert kinds(scored(claim(1), food=0.9), decided(5, Decided.REJECT)) == [DECISION]


def test_a_photograph_in_doubt_was_detected_by_the_model_when_a_person_rejects_it() -> None:
    said = last(scored(claim(1), food=0.5), decided(5, Decided.REJECT))
    assert said.automated_detection is AutomatedDetection.YES


def test_who_decided_and_what_they_wrote_is_in_no_statement() -> None:
    word = decision(5, Decided.REJECT).model_copy(update={"comment": "the guest is my neighbour"})
    said = last(FLAGGED, Transitions(IMAGE, TAGGER, NOW).decided(word))
    assert said.kind is DECISION
    assert "ann" not in said.model_dump_json().replace("scanned", "")
    assert "neighbour" not in said.model_dump_json()


def test_a_revoked_approval_hides_again_with_a_persons_part_in_it() -> None:
    changes = (FLAGGED, decided(5, Decided.APPROVE), decided(6, Decided.REVOKE))
    assert kinds(*changes) == [HIDE, DECISION, RESTORE, DECISION, HIDE]
    assert last(*changes).automated_decision is AutomatedDecision.PARTIALLY
    assert last(*changes).decision_visibility == (DecisionVisibility.DISABLED,)


def test_a_revoked_rejection_restores() -> None:
    changes = (scored(claim(1), food=0.9), decided(5, Decided.REJECT), decided(6, Decided.REVOKE))
    assert kinds(*changes) == [DECISION, DECISION, RESTORE]


def test_a_revocation_of_nothing_does_nothing() -> None:
    assert kinds(FLAGGED, decided(6, Decided.REVOKE)) == [HIDE]


def test_a_decision_on_other_bytes_does_nothing() -> None:
    assert kinds(FLAGGED, decided(5, Decided.APPROVE, content="other")) == [HIDE]


def test_the_same_decision_twice_is_one() -> None:
    assert kinds(FLAGGED, decided(5, Decided.REJECT), decided(5, Decided.REJECT)) == [HIDE, DECISION]


def test_a_decision_that_is_outranked_does_nothing() -> None:
    changes = (FLAGGED, decided(5, Decided.REJECT), decided(4, Decided.APPROVE))
    assert kinds(*changes) == [HIDE, DECISION]


def test_a_deletion_by_the_uploader_is_no_restriction_and_no_restoration() -> None:
    assert kinds(FLAGGED, removed(claim(2, removal=True))) == [HIDE]
    assert kinds(scored(claim(1), food=0.9), removed(claim(2, removal=True))) == []


def test_a_decision_on_a_deleted_photograph_does_nothing() -> None:
    assert kinds(FLAGGED, removed(claim(2, removal=True)), decided(5, Decided.REJECT)) == [HIDE]


def test_a_photograph_that_comes_back_and_is_hidden_is_hidden_anew() -> None:
    assert kinds(FLAGGED, removed(claim(2, removal=True)), scored(claim(3), menu=0.9)) == [HIDE, HIDE]


def test_rejected_bytes_that_come_back_are_hidden_by_the_persons_word() -> None:
    changes = (
        scored(claim(1), food=0.9),
        decided(5, Decided.REJECT, content="bytes"),
        removed(claim(6, removal=True)),
    )
    said = last(*changes, scored(claim(7), food=0.9))
    assert (said.kind, said.automated_decision) == (HIDE, AutomatedDecision.PARTIALLY)


def test_the_same_bytes_uploaded_again_are_still_hidden_and_nothing_is_stated() -> None:
    assert kinds(FLAGGED, scored(claim(2), menu=0.9)) == [HIDE]


def test_other_bytes_at_the_same_key_are_another_photograph() -> None:
    assert kinds(FLAGGED, scored(claim(2), content="others", menu=0.9)) == [HIDE, HIDE]
    assert kinds(FLAGGED, scored(claim(2), content="others", food=0.9)) == [HIDE, RESTORE]


def test_another_model_that_hides_still_states_nothing() -> None:
    assert kinds(FLAGGED, rescored(human=0.9)) == [HIDE]


def test_every_statement_has_an_id_of_its_own_that_the_same_change_gives_again() -> None:
    changes = (FLAGGED, decided(5, Decided.APPROVE), decided(6, Decided.REVOKE), rescored(food=0.9))
    ids = [each.puid for each in stated(*changes)]
    assert len(set(ids)) == len(ids) == 6
    assert [each.puid for each in stated(*changes)] == ids
    assert all(each.event_id == each.puid for each in stated(*changes))


def test_statements_wait_in_the_head_until_they_are_acknowledged() -> None:
    kept = after(FLAGGED)
    restored = outcome(kept, rescored(food=0.9)).head
    assert [each.kind for each in restored.statements] == [HIDE, RESTORE]
    once = acknowledged(kept)(restored).head
    assert [each.kind for each in once.statements] == [RESTORE]
    assert acknowledged(restored)(once).head.statements == ()


def test_a_late_acknowledgement_takes_nothing_away() -> None:
    kept = after(FLAGGED)
    later = told(outcome(kept, rescored(food=0.9)).head)
    assert acknowledged(kept)(later).head == later


def test_a_photograph_that_an_earlier_version_hid_is_restored_with_a_statement() -> None:
    old = told(after(FLAGGED)).model_copy(update={"content": None})
    restored = outcome(old, rescored(food=0.9)).head
    assert [each.kind for each in restored.statements] == [RESTORE]


def test_labels_are_told_the_surest_first() -> None:
    (said,) = stated(scored(claim(1), menu=0.8, human=0.9))
    assert said.decision_facts.index("human 0.900") < said.decision_facts.index("menu 0.800")


def templated(template: StatementTemplate, **seen: float) -> tuple[StatementOfReasons, ...]:
    one = claim(1)
    rules = Transitions(IMAGE, TAGGER, NOW, Claims.of(one), template=template)
    return rules.scored(scoring(one, content="bytes", version="1", **seen))(None).head.statements


def test_the_operators_words_are_filled_in() -> None:
    template = StatementTemplate(
        ground="Terms {{3}} for {restaurant}",
        explanation=Explanations(hide="{label}: {probability} of {threshold}"),
        facts=Facts(hide="{image} {time} {model} {version} {rule} {state}"),
        territorial_scope=("AT", "NO"),
        content_language="DE",
        reference_url="https://example.org/terms",
    )
    (said,) = templated(template, menu=0.9)
    assert said.incompatible_content_ground == "Terms {3} for r1"
    assert said.incompatible_content_explanation == "menu: 0.900 of 0.7"
    assert said.decision_facts == "img_1 2026-01-02T00:00:00+00:00 fake 1 menu at or above 0.7 hidden"
    assert (said.territorial_scope, said.content_language) == (("AT", "NO"), "DE")
    assert said.decision_ground_reference_url == "https://example.org/terms"


def test_a_label_may_have_its_own_words() -> None:
    own = LabelTerms(ground="Terms, 4", explanation="{label}!", category=StatementCategory.DATA_PROTECTION)
    template = StatementTemplate(labels={"human": own})
    (human,), (menu,) = templated(template, human=0.9), templated(template, menu=0.9)
    assert (human.incompatible_content_ground, human.incompatible_content_explanation) == (
        "Terms, 4",
        "human!",
    )
    assert human.category is StatementCategory.DATA_PROTECTION
    assert menu.category is StatementCategory.OTHER_VIOLATION_TC
    assert menu.incompatible_content_ground != "Terms, 4"


def test_words_that_are_too_long_for_the_database_are_cut() -> None:
    template = StatementTemplate(
        ground="g" * 501, explanation=Explanations(hide="e" * 2001), facts=Facts(hide="f" * 5001)
    )
    (said,) = templated(template, menu=0.9)
    lengths = map(
        len,
        (
            said.incompatible_content_ground or "",
            said.incompatible_content_explanation or "",
            said.decision_facts,
        ),
    )
    assert list(lengths) == [500, 2000, 5000]


def test_what_a_name_says_is_not_taken_for_a_placeholder() -> None:
    template = StatementTemplate(ground="{restaurant}")
    one = claim(1, restaurant="{state.__class__}")
    rules = Transitions(IMAGE, TAGGER, NOW, Claims.of(one), template=template)
    (said,) = rules.scored(scoring(one, menu=0.9))(None).head.statements
    assert said.incompatible_content_ground == "{state.__class__}"


@pytest.mark.parametrize("head", [after(FLAGGED), after(scored(claim(1), food=0.9))])
def test_statements_go_to_their_topic_under_the_images_id(head: ImageHead) -> None:
    said = statements.announced(head)
    assert [(each.topic, each.key) for each in said] == [(topics.STATEMENTS, IMAGE)] * (
        head.state is State.HIDDEN
    )
