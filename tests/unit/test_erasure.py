"""An erased image leaves nothing but a tombstone, and nothing that was said before brings it back."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents import announcements, erasure, transitions
from agents.bounded_times import ClockLimits
from schemas import topics
from schemas.claims import Claim, Claims
from schemas.decisions import Decided
from schemas.events import Action
from schemas.records import ImageHead, Kept, Stale, State
from streams.ports import Change

from .head_builders import IMAGE, after, at, changes, claim, decided, outcome, removed, scored, told


def erase(minute: float, *, uploader: str | None = None) -> Change:
    return erasure.erased(IMAGE, at=at(minute), uploader_id=uploader)


def said_by(of: Claim, uploader: str) -> Claim:
    return of.model_copy(update={"uploader_id": uploader, "attributes": {"camera": "secret-camera"}})


def test_an_erased_head_holds_nothing_that_was_said_of_the_image() -> None:
    of = said_by(claim(1, restaurant="secret-restaurant"), "secret-uploader")
    head = after(scored(of, ambiance=0.9), decided(2, Decided.APPROVE))
    gone = told(outcome(told(head), erase(3)).head)
    assert gone.is_erased
    assert gone.state is State.DELETED
    text = gone.model_dump_json()
    assert not [word for word in ("secret", '"ann"', "photos", "a.jpg", "ambiance", "0.9") if word in text]


def test_an_erasure_withdraws_what_was_announced_by_its_place_alone() -> None:
    head = told(after(scored(claim(1), menu=0.9)))
    shown = told(outcome(head, decided(2, Decided.CORRECT, "ambiance")).head)
    gone = outcome(shown, erase(3)).head
    moves = announcements.diff(gone)
    assert [(m.route.topic, m.route.label, m.action, m.restaurant_id) for m in moves] == [
        (topics.AMBIANCE, "ambiance", Action.REMOVED, "r1")
    ]
    events = announcements.announcements(gone, moves)
    assert [(each.topic, each.key) for each in events] == [(topics.AMBIANCE, "r1"), (topics.LATEST, IMAGE)]
    text = str([each.model_dump(mode="json") for each in events])
    assert not [word for word in ("a.jpg", "'photos'", "'ann'", "0.9") if word in text]


def test_an_erasure_withdraws_also_what_may_have_been_announced() -> None:
    unsaid = after(scored(claim(1), menu=0.9))
    gone = outcome(unsaid, erase(3)).head
    assert {m.route.label for m in announcements.diff(gone)} == {"menu"}


def test_an_image_that_is_erased_is_not_erased_again() -> None:
    gone = told(after(scored(claim(1)), erase(2)))
    assert outcome(gone, erase(5)) == Kept(head=gone)


def test_an_image_that_nobody_knows_can_be_erased_before_its_upload_comes() -> None:
    gone = after(erase(2))
    assert gone.is_erased
    assert outcome(gone, scored(claim(1), menu=0.9)) == Stale(head=gone)


def test_the_uploader_is_named_until_the_withdrawal_is_acknowledged() -> None:
    gone = after(scored(said_by(claim(1), "u1")), erase(2, uploader="u1"))
    assert gone.claims.uploader_ids == {"u1"}
    assert told(gone).claims.uploader_ids == set()


def test_a_worker_that_lost_the_race_leaves_none_of_its_words_on_the_head() -> None:
    scoring = after(scored(claim(1), menu=0.9))
    gone = outcome(scoring, erase(2)).head
    late = transitions.acknowledged(scoring)(gone).head
    assert late == gone
    assert announcements.amends(gone, announcements.diff(scoring))


def test_a_decision_on_what_was_erased_is_not_remembered() -> None:
    gone = told(after(scored(claim(1), menu=0.9), erase(3)))
    assert outcome(gone, decided(2, Decided.APPROVE)) == Stale(head=gone)
    assert outcome(gone, decided(9, Decided.APPROVE)) == Stale(head=gone)
    again = outcome(gone, scored(claim(5), menu=0.9)).head
    assert outcome(again, decided(2, Decided.APPROVE)) == Stale(head=again)
    assert outcome(again, decided(6, Decided.APPROVE)).head.state is State.VISIBLE


def test_a_later_upload_is_a_new_photograph_and_what_was_erased_stays_away() -> None:
    gone = told(after(scored(said_by(claim(1), "u1"), menu=0.9), erase(3)))
    new = outcome(gone, scored(claim(5), ambiance=0.9)).head
    assert (new.state, new.is_erased) == (State.VISIBLE, False)
    old = said_by(claim(2, sequencer="A"), "u1")
    assert outcome(new, changes(old).noted).head == new
    assert outcome(new, erase(6)).head.is_erased


def test_an_upload_that_is_not_later_is_outranked_to_the_microsecond() -> None:
    gone = told(after(scored(claim(1)), erase(3)))
    assert outcome(gone, scored(claim(3), ambiance=0.9)) == Stale(head=gone)


def test_storage_whose_clock_is_ahead_does_not_bring_its_old_upload_back() -> None:
    of = claim(7, sequencer="B")
    gone = told(after(scored(of), erase(3)))
    assert outcome(gone, scored(of, menu=0.9)) == Stale(head=gone)
    redated = claim(900, sequencer="B")
    assert outcome(gone, scored(redated, menu=0.9)) == Stale(head=gone)
    assert outcome(gone, scored(claim(900, sequencer="C"), menu=0.9)).head.state is State.HIDDEN


def test_a_claim_of_a_far_future_moves_the_tombstone_no_further_than_a_clock_may_be_ahead() -> None:
    gone = after(scored(claim(1_000_000)), erase(3))
    assert gone.erased is not None
    assert gone.erased.until == ClockLimits().horizon(at(3))


def test_a_removal_of_an_erased_image_is_outranked_from_then_on_and_not_remembered() -> None:
    gone = told(after(scored(claim(1, sequencer="A")), erase(3)))
    raised = outcome(gone, removed(claim(9, sequencer="C", removal=True))).head
    assert raised.is_erased
    assert raised.is_announced
    assert (raised.claims, raised.location) == (gone.claims, gone.location)
    assert outcome(raised, scored(claim(8, sequencer="B"))) == Stale(head=raised)


STORY = st.lists(
    st.builds(
        claim,
        st.integers(0, 60),
        sequencer=st.none() | st.text("0A1", min_size=1, max_size=3),
        removal=st.booleans(),
        restaurant=st.sampled_from(("secret-1", "secret-2")),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(story=STORY, random=st.randoms(use_true_random=False), seen=st.integers(0, 12))
def test_whatever_was_said_before_in_any_order_and_however_often_leaves_the_tombstone(
    story: list[Claim], random: Random, seen: int
) -> None:
    head: ImageHead | None = None
    for each in story[:seen]:
        head = told(outcome(head, _says(each, head)).head) if _is_news(head, each) else head
    gone = told(outcome(head, erase(60)).head)
    again = story * 2
    random.shuffle(again)
    for each in again:
        gone = outcome(gone, _says(each, gone)).head
        assert gone.is_erased
        assert "secret" not in gone.model_dump_json()
    assert gone.is_announced


@settings(max_examples=60, deadline=None)
@given(story=STORY, random=st.randoms(use_true_random=False), later=st.integers(1, 60))
def test_whatever_was_said_before_leaves_no_trace_on_a_later_photograph(
    story: list[Claim], random: Random, later: int
) -> None:
    new = claim(60 + later, restaurant="r9")
    gone = told(outcome(None, erase(60)).head)
    calm = outcome(gone, scored(new, menu=0.9)).head
    again = [*story, new, *story]
    random.shuffle(again)
    head = gone
    for each in again:
        head = outcome(head, _says(each, head)).head
    assert head == calm


def _is_news(head: ImageHead | None, each: Claim) -> bool:
    return head is None or transitions.joined(head, Claims.of(each)).current.is_same(each)


def _says(each: Claim, head: ImageHead | None) -> Change:
    """The change that the straight path makes of the claim."""
    current = transitions.joined(head, Claims.of(each)).current
    if not current.is_same(each):
        return changes(each).noted
    return removed(each) if each.is_removal else scored(each, menu=0.9)
