"""What becomes of an image's head when events arrive, whoever was first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents import announcements, transitions
from agents.ports import Rules
from agents.testing import LABELS, RULES
from agents.transitions import Transitions
from model.policy import Policy
from schemas import topics
from schemas.claims import Claims
from schemas.decisions import Decided
from schemas.errors import UnknownImage
from schemas.events import Action, Reason
from schemas.records import ImageHead, Kept, Stale, State

from .head_builders import (
    NOW,
    after,
    at,
    changes,
    claim,
    decided,
    decision,
    outcome,
    removed,
    routes,
    scored,
    scoring,
    tags,
    told,
)
from .straight_path import SpokenTagger


def test_a_first_upload_makes_the_head() -> None:
    head = after(scored(claim(1), ambiance=0.9))
    assert (head.position, head.restaurant_id, head.revision, head.turn) == (claim(1).position, "r1", 1, 0)
    assert tags(head) == {"ambiance"}


def test_a_redelivery_changes_nothing() -> None:
    head = after(scored(claim(1), menu=0.9))
    assert outcome(head, scored(claim(1), menu=0.8)) == Kept(head=head)


def test_an_older_upload_never_replaces_a_newer_one() -> None:
    head = after(scored(claim(2), menu=0.9))
    assert outcome(head, scored(claim(1), ambiance=0.9)) == Stale(head=head)


def test_a_newer_upload_counts_the_revision_up_and_begins_a_new_turn() -> None:
    head = after(scored(claim(1)), decided(1.5, Decided.APPROVE), scored(claim(2), content="other"))
    assert (head.revision, head.turn, head.position) == (3, 0, claim(2).position)


def test_a_rescore_is_another_turn_of_the_same_upload() -> None:
    head = after(scored(claim(1), menu=0.9), scored(claim(1), version="2", menu=0.1))
    assert (head.revision, head.turn, head.reason) == (2, 1, Reason.REPLAY)


def test_going_back_to_the_first_model_says_its_own_ids() -> None:
    first = after(scored(claim(1), menu=0.9))
    again = outcome(first, scored(claim(1), version="2"), scored(claim(1), menu=0.9)).head
    ids = [{a.event.event_id for a in announcements.announcements(h, ()) if a.event} for h in (first, again)]
    assert not ids[0] & ids[1]


def test_a_removal_deletes_and_keeps_nothing_that_could_be_shown() -> None:
    head = after(scored(claim(1), ambiance=0.9), removed(claim(2, removal=True)))
    assert head.state is State.DELETED
    assert (head.verdict, head.scores, head.content) == (None, None, None)


def test_a_removal_that_comes_before_its_upload_wins_all_the_same() -> None:
    gone = after(removed(claim(2, removal=True)))
    assert outcome(gone, scored(claim(1), menu=0.9)) == Stale(head=gone)
    assert outcome(gone, changes(claim(1)).noted).head.state is State.DELETED


def test_an_upload_after_the_removal_brings_the_image_back() -> None:
    head = after(removed(claim(1, removal=True)), scored(claim(2), ambiance=0.9))
    assert head.state is State.VISIBLE
    assert routes(head) == {"ambiance"}


def test_an_older_removal_removes_nothing() -> None:
    head = after(scored(claim(2), ambiance=0.9))
    assert outcome(head, removed(claim(1, removal=True))) == Stale(head=head)


def test_a_producers_word_on_what_storage_said_gives_it_its_restaurant() -> None:
    head = after(scored(claim(5, sequencer="A", restaurant=None), ambiance=0.9))
    noted = outcome(told(head), changes(claim(4, restaurant="r9")).noted).head
    assert (noted.restaurant_id, noted.revision) == ("r9", 2)
    assert [
        (m.restaurant_id, m.action) for m in announcements.diff(noted) if m.route.topic == topics.AMBIANCE
    ] == [
        ("r9", Action.ADDED),
        (None, Action.REMOVED),
    ]


def test_an_outranked_claim_that_says_nothing_new_is_remembered_and_not_announced() -> None:
    head = told(after(scored(claim(5, sequencer="A"), ambiance=0.9)))
    noted = outcome(head, changes(claim(4)).noted).head
    assert noted.claims.producer == claim(4)
    assert (noted.revision, noted.is_announced) == (head.revision, True)


def test_noting_what_is_known_writes_nothing() -> None:
    head = after(scored(claim(1)))
    assert outcome(head, changes(claim(1)).noted).head is head


def test_noting_a_claim_that_stands_and_was_never_scored_is_stale() -> None:
    head = after(scored(claim(1)))
    assert outcome(head, changes(claim(2)).noted) == Stale(head=head)


def test_three_events_that_follow_each_other_in_a_ring_end_alike_in_every_order() -> None:
    first, second, third = claim(10, sequencer="1"), claim(5), claim(0, sequencer="2")
    everything = Claims.of(first, second, third)
    assert everything.current == second
    head = outcome(after(scored(first)), changes(second).noted).head
    # The third outranks the first, and the second outranks the third: it is the second's turn.
    healed = changes(third).scored(scoring(second, ambiance=0.9))(head)
    assert isinstance(healed, Kept)
    assert (healed.head.position, healed.head.claims) == (second.position, everything)


def test_a_decision_on_an_image_that_nobody_uploaded_is_refused() -> None:
    with pytest.raises(UnknownImage):
        outcome(None, decided(1, Decided.APPROVE))


def test_an_older_decision_never_replaces_a_newer_one() -> None:
    head = told(after(scored(claim(1), menu=0.9), decided(3, Decided.REJECT)))
    late = outcome(head, decided(2, Decided.APPROVE)).head
    assert late.decision == head.decision
    assert (late.state, late.revision, late.is_announced) == (State.HIDDEN, head.revision, True)


def test_the_same_decision_twice_changes_nothing() -> None:
    head = after(scored(claim(1), menu=0.9), decided(3, Decided.REJECT))
    assert outcome(head, decided(3, Decided.REJECT)) == Kept(head=head)


def test_a_decision_is_kept_with_the_bytes_that_it_was_made_of() -> None:
    head = after(scored(claim(1), content="seen", menu=0.9), decided(3, Decided.APPROVE))
    assumed = decision(3, Decided.APPROVE, content="seen").model_copy(update={"digest_assumed": True})
    assert head.decision == assumed
    assert head.decisions == (assumed,)


def test_an_image_is_flagged_from_its_first_flag_on_until_none_is_left() -> None:
    head = after(scored(claim(1), menu=0.9))
    assert head.flagged_at == NOW
    later = transitions.Transitions("img_1", changes().rules, at(9_999), Claims.of(claim(2)))
    still = outcome(head, later.scored(scoring(claim(2), human=0.9))).head
    assert still.flagged_at == NOW
    assert outcome(still, decided(10, Decided.APPROVE)).head.flagged_at is None


def test_what_was_kept_but_never_acknowledged_is_pending() -> None:
    head = after(scored(claim(1), menu=0.9), scored(claim(2), content="b", human=0.9))
    assert [said.route.label for said in head.pending] == ["menu"]
    moves = {(move.route.label, move.action) for move in announcements.diff(head)}
    assert moves == {("human", Action.ADDED), ("menu", Action.REMOVED)}


def test_an_acknowledged_head_has_nothing_pending() -> None:
    head = told(after(scored(claim(1), menu=0.9), scored(claim(2), content="b", human=0.9)))
    assert (head.pending, head.is_announced) == ((), True)


def test_a_late_acknowledgement_of_an_older_revision_leaves_the_newer_ones_routes_pending() -> None:
    first = after(scored(claim(1), menu=0.9))
    second = outcome(first, scored(claim(2), content="b", human=0.9)).head
    late = transitions.acknowledged(first)(second).head
    assert (late.is_announced, [said.route.label for said in late.pending]) == (False, ["menu"])
    assert late.announced is not None
    assert late.announced.revision == 1


def test_an_acknowledgement_never_takes_back_a_later_one() -> None:
    first = after(scored(claim(1), menu=0.9))
    second = told(outcome(first, scored(claim(2), content="b", human=0.9)).head)
    assert transitions.acknowledged(first)(second) == Kept(head=second)


def test_a_removal_that_two_workers_make_is_made_once() -> None:
    gone = after(scored(claim(1)), removed(claim(2, removal=True)))
    assert outcome(gone, removed(claim(2, removal=True))) == Kept(head=gone)


def test_a_later_removal_of_what_is_gone_stands() -> None:
    head = after(removed(claim(1, removal=True)), removed(claim(2, removal=True)))
    assert (head.state, head.position) == (State.DELETED, claim(2).position)


def test_a_removed_image_keeps_nothing_of_a_replay() -> None:
    head = after(scored(claim(1), version="2", menu=0.9), removed(claim(2, removal=True)))
    assert (head.reason, head.job) == (Reason.LIVE, "live")
    assert (head.judged, head.flagged_at) == (None, None)


def before_claims_were(head: ImageHead) -> ImageHead:
    """The head as the first release kept it."""
    return head.model_copy(update={"claims": Claims(), "judged": None})


def test_a_head_that_was_kept_before_claims_were_outranks_an_older_upload() -> None:
    head = before_claims_were(after(scored(claim(2), menu=0.9)))
    assert outcome(head, scored(claim(1), ambiance=0.9)) == Stale(head=head)


def test_a_head_that_was_kept_before_claims_were_can_be_decided_on() -> None:
    head = before_claims_were(after(scored(claim(1), menu=0.9)))
    decided_on = outcome(head, decided(2, Decided.APPROVE)).head
    assert (decided_on.state, tags(decided_on)) == (State.VISIBLE, {"menu"})


def test_of_two_deliveries_of_one_event_the_new_one_s_word_for_the_restaurant_holds() -> None:
    head = after(scored(claim(1, restaurant="r1"), ambiance=0.9))
    assert outcome(head, changes(claim(1, restaurant="r2")).noted).head.restaurant_id == "r2"
    assert outcome(head, changes(claim(1, restaurant=None)).noted).head is head


def test_every_route_since_the_last_acknowledgement_is_pending_once() -> None:
    head = after(
        scored(claim(1), menu=0.9),
        scored(claim(2), content="b", human=0.9),
        scored(claim(3), content="c", menu=0.9),
        scored(claim(4), content="d", food=0.9),
    )
    assert [said.route.label for said in head.pending] == ["menu", "human"]


def test_what_was_acknowledged_is_not_pending() -> None:
    head = told(after(scored(claim(1), menu=0.9)))
    assert outcome(head, scored(claim(2), content="b", human=0.9)).head.pending == ()


def test_a_late_acknowledgement_says_what_was_said_and_not_what_holds() -> None:
    first = after(scored(claim(1), menu=0.9))
    second = outcome(first, scored(claim(2), content="b", human=0.9)).head
    announced = transitions.acknowledged(first)(second).head.announced
    assert announced is not None
    assert announced.verdict == first.verdict


def by(rules: Rules) -> Transitions:
    return Transitions("img_1", rules, NOW)


def test_what_is_decided_again_says_that_it_was_replayed_and_by_what_job() -> None:
    head = told(after(scored(claim(1), menu=0.6)))
    rules = SpokenTagger()
    rules._policy = Policy(thresholds=dict.fromkeys(LABELS, 0.5), rules=RULES)
    again = by(rules).rejudged(head, model=SpokenTagger().model, job="job-1").head
    assert (routes(again), again.reason, again.job) == ({"menu"}, Reason.REPLAY, "job-1")


def test_what_is_decided_again_by_the_same_rules_is_held_by_their_hysteresis_as_before() -> None:
    before = told(after(scored(claim(1), menu=0.9)))
    rules = SpokenTagger()
    held = (
        replace(by(rules), arrived=Claims.of(claim(2)))
        .scored(scoring(claim(2), menu=0.6, food=0.9))(before)
        .head
    )
    assert routes(held) == {"menu"}
    assert by(rules).rejudged(held, model=SpokenTagger().model, job="job-1").head is held


def test_what_was_removed_is_not_decided_again() -> None:
    gone = after(scored(claim(1)), removed(claim(2, removal=True)))
    assert by(SpokenTagger()).rejudged(gone, model=SpokenTagger().model, job="job-1") == Kept(head=gone)


def test_another_model_s_scores_are_not_decided_on_by_these_rules() -> None:
    head = after(scored(claim(1), version="2", menu=0.9))
    held = changes().rejudged(head, model=SpokenTagger().model, job="job-1").head
    assert held is head
