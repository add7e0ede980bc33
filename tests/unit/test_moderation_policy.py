"""What holds of an image, from what the model says and what a person decided."""

from __future__ import annotations

import pytest

from agents import moderation_policy
from schemas.decisions import Decided
from schemas.records import State

from .head_builders import after, claim, decided, removed, routes, scored, tags


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ({"menu": 0.9}, State.HIDDEN),
        ({"human": 0.9, "ambiance": 0.9}, State.HIDDEN),
        ({"ambiance": 0.9}, State.VISIBLE),
        ({"food": 0.9}, State.VISIBLE),
        ({"food": 0.1}, State.VISIBLE),
    ],
)
def test_what_a_label_sends_to_moderation_is_hidden_and_doubt_alone_hides_nothing(
    seen: dict[str, float], state: State
) -> None:
    assert after(scored(claim(1), **seen)).state is state


def test_what_is_hidden_is_in_no_collection_until_a_person_has_verified_it() -> None:
    both = scored(claim(1), human=0.9, ambiance=0.9)
    assert routes(after(both)) == {"human"}
    assert routes(after(both, decided(2, Decided.APPROVE))) == {"ambiance"}


def test_an_approved_image_is_visible_and_nobody_needs_to_look_any_more() -> None:
    head = after(scored(claim(1), menu=0.9), decided(2, Decided.APPROVE))
    assert (head.state, routes(head), tags(head)) == (State.VISIBLE, set(), {"menu"})


def test_a_rejected_image_is_hidden_and_goes_nowhere() -> None:
    head = after(scored(claim(1), ambiance=0.9), decided(2, Decided.REJECT))
    assert (head.state, routes(head)) == (State.HIDDEN, set())


def test_a_persons_labels_replace_the_models() -> None:
    head = after(scored(claim(1), menu=0.9), decided(2, Decided.CORRECT, "ambiance"))
    assert (head.state, routes(head), tags(head)) == (State.VISIBLE, {"ambiance"}, {"ambiance"})
    assert head.verdict is not None
    assert {tag.source for tag in head.verdict.tags} == {"person"}


def test_a_label_that_the_model_has_not_is_taken_at_its_word() -> None:
    assert tags(after(scored(claim(1), menu=0.9), decided(2, Decided.CORRECT, "terrace"))) == {"terrace"}


def test_a_correction_to_nothing_leaves_no_tag() -> None:
    head = after(scored(claim(1), menu=0.9), decided(2, Decided.CORRECT))
    assert (tags(head), routes(head), head.state) == (set(), set(), State.VISIBLE)


def test_a_decision_outranks_a_later_score_of_the_same_bytes() -> None:
    approved = (scored(claim(1), menu=0.9), decided(2, Decided.APPROVE))
    assert after(*approved, scored(claim(1), version="2", human=0.9)).state is State.VISIBLE
    assert after(*approved, scored(claim(5), human=0.9)).state is State.VISIBLE


def test_a_decision_is_not_of_other_bytes_under_the_same_key() -> None:
    head = after(
        scored(claim(1), content="a", menu=0.9),
        decided(2, Decided.APPROVE),
        scored(claim(5), content="b", menu=0.9),
    )
    assert (head.state, routes(head)) == (State.HIDDEN, {"menu"})
    assert head.decision is not None
    assert moderation_policy.is_of_other_bytes(head, head.decision)


def test_the_decided_bytes_come_back_and_so_does_the_decision() -> None:
    head = after(
        scored(claim(1), content="a", menu=0.9),
        decided(2, Decided.APPROVE),
        scored(claim(5), content="b", menu=0.9),
        scored(claim(6), content="a", menu=0.9),
    )
    assert head.state is State.VISIBLE


def test_a_decision_that_names_the_bytes_it_saw_holds_of_those_alone() -> None:
    seen = scored(claim(5), content="b", menu=0.9)
    assert after(seen, decided(9, Decided.APPROVE, content="a")).state is State.HIDDEN
    assert after(seen, decided(1, Decided.APPROVE, content="b")).state is State.VISIBLE


def test_a_decision_older_than_the_upload_that_stands_was_of_other_bytes() -> None:
    assert after(scored(claim(5), menu=0.9), decided(1, Decided.APPROVE)).state is State.HIDDEN


def test_a_revoked_decision_lets_the_scores_speak_again() -> None:
    head = after(scored(claim(1), menu=0.9), decided(2, Decided.REJECT), decided(3, Decided.REVOKE))
    assert (head.state, routes(head)) == (State.HIDDEN, {"menu"})
    older = decided(2.5, Decided.APPROVE)
    assert older(head).head.state is State.HIDDEN


def test_a_deleted_image_stays_deleted_whatever_is_decided() -> None:
    head = after(scored(claim(1)), removed(claim(2, removal=True)), decided(3, Decided.APPROVE))
    assert (head.state, head.verdict) == (State.DELETED, None)
