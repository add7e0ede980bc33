"""Why an image is where it is: every fact of its head and history, and the sentences that say them."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents import announcements, moderation_policy
from agents.erasure import erased
from agents.transitions import Scoring
from operations.audit_trail import AnnouncementState, Trail, follow
from schemas import topics
from schemas.claims import Claim
from schemas.decisions import Decided
from schemas.records import Content, ImageHead, ScoreRecord, State
from streams.ports import Change
from tagstream.render import trail as render
from tagstream.render import trail_words

from .cli_builders import letter
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
    scored,
    scoring,
    told,
)

DIGEST = "5f90ff78001dc1301b193eb2d841f56eba73905934fe036cc78f9bbcc7b1eef8"
GONE = removed(claim(9, removal=True))


def record(of: Scoring) -> ScoreRecord:
    return ScoreRecord(
        image_id="img_1",
        content_version=of.claim.location.content_version,
        scores=of.scores,
        position=of.claim.position,
        scored_at=NOW,
        seconds={"fetch": 0.1},
        job=of.job,
        content=of.content,
    )


def trail(*made: Change, tells: bool = True, history: tuple[ScoreRecord, ...] = ()) -> Trail:
    head = after(*made)
    return follow(told(head) if tells else head, history)


def words(of: Trail) -> str:
    return "\n".join(trail_words.sentences(of))


def test_scores_of_a_rendition_are_said_to_be_of_one() -> None:
    seen = scoring(claim(1), menu=0.9)
    scores = seen.scores.model_copy(update={"rendition": "jpeg-320-q90-r1"})
    replayed = replace(seen, scores=scores, job="job-1")
    followed = trail(changes(seen.claim).scored(replayed), history=(record(replayed),))
    assert followed.rendition == "jpeg-320-q90-r1"
    assert "its rendition (jpeg-320-q90-r1), by a replay" in shown(followed)
    assert "bytes, rendition" in " ".join(shown(followed).split())
    assert "scored from the photograph" in " ".join(shown(trail(scored(claim(1), menu=0.9))).split())


def shown(of: Trail) -> str:
    out = StringIO()
    Console(file=out, width=80).print(render.shown(of, None))
    return out.getvalue()


def withheld(of: Trail) -> dict[str, str | None]:
    """Why each route that is not in force is not."""
    return {led.label: led.why_not for led in of.routes if not led.in_force}


def in_force(of: Trail) -> set[str]:
    return {led.label for led in of.routes if led.in_force}


def test_a_flagged_image_is_hidden_and_the_rule_that_fired_is_told() -> None:
    of = trail(scored(claim(1), menu=0.91, ambiance=0.8))
    assert (of.state, in_force(of)) == (State.HIDDEN, {"menu"})
    assert withheld(of) == {"ambiance": "hidden until a person has verified it"}
    assert "is hidden until a person has verified it: menu at or above 0.7 (0.910)" in words(of)
    assert "is asked to look at it since" in words(of)


def test_every_label_stands_beside_its_threshold_and_whether_it_holds() -> None:
    of = trail(scored(claim(1), food=0.9, menu=0.69))
    assert [(each.label, each.probability, each.threshold, each.tagged) for each in of.tags][:2] == [
        ("food", 0.9, 0.7, True),
        ("menu", 0.69, 0.7, False),
    ]
    assert "Labels that hold: food." in words(of)


def test_the_bytes_and_the_model_that_saw_them_are_named_whole() -> None:
    of = trail(scored(claim(1), content=DIGEST, food=0.9))
    assert of.content == Content(digest=DIGEST, size=1)
    assert of.model is not None
    assert DIGEST in shown(of)
    assert of.model.digest in shown(of)


@pytest.mark.parametrize(
    ("first", "second", "stands", "why"),
    [
        (claim(1), None, "producer", "only a producer has spoken of the image"),
        (claim(1, sequencer="0A"), None, "storage", "only storage has spoken of the image"),
        (claim(1), claim(2, sequencer="0A"), "storage", "of a later moment than what the producer says"),
        (claim(3), claim(2, sequencer="0A"), "producer", "of a later moment than what storage says"),
    ],
)
def test_the_claims_of_both_voices_are_told_and_why_one_stands(
    first: Claim, second: Claim | None, stands: str, why: str
) -> None:
    spoken = [each for each in (first, second) if each]
    head = after(*(scored(each, food=0.9) for each in spoken))
    # The older claim of the two arrives last, and is remembered all the same.
    of = follow(outcome(head, changes(*spoken).noted).head, ())
    assert (of.standing.voice, len(of.claims)) == (stands, len(spoken))
    assert of.why_it_stands.endswith(why)
    assert of.standing.position.event_id in shown(of)


def _moved(of: Claim, minute: int, event_id: str | None = None) -> Claim:
    named = {"event_id": event_id} if event_id else {}
    return of.model_copy(
        update={"position": of.position.model_copy(update={"uploaded_at": at(minute), **named})}
    )


def test_of_two_claims_of_one_moment_the_later_on_the_topic_stands() -> None:
    storage = _moved(claim(2, sequencer="0A"), 1)
    of = trail(scored(claim(1), food=0.9), scored(storage, food=0.9))
    assert of.why_it_stands == "both are of one moment, and what storage says came later on the topic"


def test_of_one_event_that_both_voices_carry_the_first_publication_stands() -> None:
    storage = _moved(claim(2, sequencer="0A"), 2, claim(1).position.event_id)
    of = follow(outcome(after(scored(claim(1), food=0.9)), changes(storage).noted).head, ())
    assert of.why_it_stands == "both are one event; the producer published it first"


def test_an_approved_image_is_visible_and_its_flag_is_answered() -> None:
    of = trail(scored(claim(1), human=0.9, ambiance=0.8), decided(2, Decided.APPROVE))
    assert of.decision is not None
    assert of.decision.in_force
    assert (in_force(of), withheld(of)) == ({"ambiance"}, {"human": "ann decided: approve"})
    assert "is visible: a person verified it" in words(of)
    assert "It is in the collection photos.ambiance.v1 of r1." in words(of)


def test_a_rejected_image_is_hidden_and_in_no_collection() -> None:
    of = trail(scored(claim(1), ambiance=0.9), decided(2, Decided.REJECT))
    assert "is hidden: a person rejected it" in words(of)
    assert "It is not in the collection photos.ambiance.v1: ann decided: reject." in words(of)


def test_a_persons_labels_stand_beside_what_the_model_saw() -> None:
    of = trail(scored(claim(1), menu=0.9), decided(2, Decided.CORRECT, "ambiance", "terrace"))
    labels = {each.label: (each.reached, each.tagged, each.source) for each in of.tags}
    assert labels["menu"] == (True, False, "person")
    assert labels["ambiance"] == (False, True, "person")
    assert labels["terrace"] == (False, True, "person")
    assert withheld(of) == {"menu": "ann decided: correct to ambiance, terrace"}
    assert "ann corrected its labels to ambiance, terrace" in words(of)


def test_what_a_person_could_not_decide_is_told() -> None:
    corrected = decision(2, Decided.CORRECT, "ambiance").model_copy(update={"unsure": ("menu", "food")})
    of = trail(scored(claim(1), menu=0.9), changes().decided(corrected))
    assert "ann corrected its labels to ambiance, unsure of menu, food, at " in words(of)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ((decided(2, Decided.APPROVE), decided(3, Decided.REVOKE)), "takes back the decision before it"),
        ((decided(2, Decided.APPROVE), GONE), "the image was removed"),
        ((decided(0, Decided.APPROVE),), "older than the upload that stands"),
        ((decided(2, Decided.APPROVE, content="other"),), "of other bytes (sha256 other)"),
    ],
)
def test_a_decision_that_is_not_in_force_is_told_with_why(made: tuple[Change, ...], why: str) -> None:
    of = trail(scored(claim(1), menu=0.9), *made)
    assert of.decision is not None
    assert why in (of.decision.why_not or "")
    assert f"not in force: {of.decision.why_not}" in words(of)


def test_a_revoked_decision_withholds_nothing() -> None:
    made = (decided(2, Decided.APPROVE), decided(3, Decided.REVOKE))
    of = trail(scored(claim(1), menu=0.9, ambiance=0.9), *made)
    assert withheld(of) == {"ambiance": "hidden until a person has verified it"}


def test_doubt_hides_nothing_and_asks_a_person() -> None:
    of = trail(scored(claim(1), food=0.3))
    assert "is visible, since doubt alone hides nothing: no label reached its threshold" in words(of)
    assert "A person is asked to look at it since" in words(of)


def test_an_image_of_no_restaurant_is_in_no_collection() -> None:
    of = trail(scored(claim(1, restaurant=None), ambiance=0.9))
    assert withheld(of) == {"ambiance": "the image has no restaurant"}
    assert of.told.routes == ()
    assert "nothing sends it to moderation" in words(of)


def test_an_erased_image_says_so_and_nothing_else() -> None:
    gone = trail(scored(claim(1), menu=0.9), erased("img_1", at=at(3)))
    text = words(gone)
    assert "img_1 is erased: nothing is known of it any more" in text
    assert "It was erased at 2026-01-01" in text
    console = Console(file=StringIO(), width=80)
    console.print(render.shown(gone, None))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert not [word for word in ("a.jpg", "producer", "menu", "s3://") if word in shown]


def test_a_deleted_image_says_so_and_keeps_its_history() -> None:
    of = trail(scored(claim(1), menu=0.9), GONE, history=(record(scoring(claim(1), menu=0.9)),))
    assert "is deleted: what was said of it is withdrawn" in words(of)
    assert "was removed at" in words(of)
    assert "Scored 1 time while it was there" in words(of)
    assert "menu 0.90" in " ".join(shown(of).split())


def test_an_image_that_was_never_scored_says_so() -> None:
    of = trail(GONE)
    assert not of.was_scored
    assert "It was never scored." in words(of)
    assert "Never scored" in shown(of)


def test_what_was_announced_is_told_with_its_revision() -> None:
    of = trail(scored(claim(1), ambiance=0.9))
    assert (of.told.revision, of.told.is_current) == (1, True)
    assert [(each.label, each.restaurant_id, each.hearing) for each in of.told.routes] == [
        ("ambiance", "r1", AnnouncementState.ANNOUNCED)
    ]
    assert "All of that is announced (revision 1)." in words(of)


def test_what_is_not_acknowledged_yet_is_told_with_what_may_have_been_said() -> None:
    first = told(after(scored(claim(1), ambiance=0.9)))
    second = outcome(first, scored(claim(2), menu=0.9)).head
    third = outcome(second, scored(claim(3), human=0.9)).head
    of = follow(third, ())
    assert {(each.label, each.hearing) for each in of.told.routes} == {
        ("ambiance", AnnouncementState.ANNOUNCED),
        ("menu", AnnouncementState.MAYBE),
        ("human", AnnouncementState.TO_ADD),
        ("menu", AnnouncementState.TO_REMOVE),
        ("ambiance", AnnouncementState.TO_REMOVE),
    }
    assert "Revision 3 is not announced yet, or not acknowledged; revision 1 was." in words(of)
    assert "nothing was before" in words(trail(scored(claim(1), food=0.9), tells=False))


def test_the_history_is_told_by_time_with_model_and_job() -> None:
    older = record(scoring(claim(1), menu=0.8)).model_copy(update={"scored_at": at(0)})
    newer = record(scoring(claim(1), version="2", menu=0.6)).model_copy(update={"job": "replay-7"})
    of = trail(scored(claim(1), version="2", menu=0.6), history=(newer, older))
    assert of.history == (older, newer)
    assert "replay-7" in shown(of)
    assert shown(of).index("fake 1") < shown(of).index("replay-7")


def test_letters_are_told_where_they_were_asked_for() -> None:
    of = trail(scored(claim(1), food=0.9))
    assert "dead_letters" not in render.document(of, None)
    assert render.document(of, [])["dead_letters"] == []
    (told_letter,) = render.document(of, [letter(offset=5)])["dead_letters"]
    assert (told_letter["cause"], told_letter["offset"]) == ("gone", 5)
    out = StringIO()
    Console(file=out, width=80).print(render.shown(of, [letter(offset=5)]))
    assert "0:5" in out.getvalue()
    out = StringIO()
    Console(file=out, width=80).print(render.shown(of, []))
    assert "None about this image" in out.getvalue()


shares = st.sampled_from([0.0, 0.5, 0.7, 0.9])
events = st.builds(
    claim,
    st.integers(0, 9),
    sequencer=st.sampled_from([None, "0A", "0B"]),
    restaurant=st.sampled_from([None, "r1", "r2"]),
)
steps = st.lists(
    st.one_of(
        st.builds(scored, events, menu=shares, ambiance=shares, content=st.sampled_from(["a", "b"])),
        st.builds(lambda of: removed(of.model_copy(update={"is_removal": True})), events),
        st.builds(decided, st.integers(0, 9), st.sampled_from(list(Decided)), st.just("ambiance")),
        st.none(),
    ),
    max_size=6,
)


@given(events, steps)
def test_a_trail_agrees_with_what_holds_and_with_what_is_said(
    first: Claim, made: list[Change | None]
) -> None:
    head: ImageHead = after(scored(first, ambiance=0.9))
    for change in made:
        head = outcome(head, change).head if change else told(head)
    of = follow(head, ())
    standing = {(each.topic, each.label) for each in (head.verdict.routes if head.verdict else ())}
    homeless = {place for place in standing if place[0] != topics.MODERATION and not head.restaurant_id}
    assert {(led.topic, led.label) for led in of.routes if led.in_force} == standing - homeless
    assert all((led.why_not is None) is led.in_force for led in of.routes)
    to_say = {
        (move.route.topic, move.route.label)
        for move in announcements.diff(head)
        if not move.is_without_restaurant
    }
    waiting = {AnnouncementState.TO_ADD, AnnouncementState.TO_REMOVE}
    assert {(each.topic, each.label) for each in of.told.routes if each.hearing in waiting} == to_say
    assert of.standing.position == head.position
    if of.decision and head.state is not State.DELETED:
        assert of.decision.in_force is (moderation_policy.in_force(head) is not None)
    json.dumps(render.document(of, None))
    assert max(map(len, shown(of).splitlines())) <= 80
