"""Every photograph ends tagged or dead-lettered; anything else is missing, and says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from schemas import topics
from tagstream.demo.accounting import Account, RunEvidence, account
from tests.unit.demo_builders import buried, head, merged, photo, tagged, uploaded, without

MENU, HALL, GONE = photo("menu.jpg"), photo("hall.jpg"), photo("gone.jpg")


def _why(evidence: RunEvidence) -> str:
    (missing,) = account([MENU], evidence).missing
    return missing.why


def _counts(found: Account) -> dict[str, tuple[int, int]]:
    return {topic.name: (topic.distinct, topic.repeated) for topic in found.topics}


def test_tagged_and_dead_lettered_photographs_are_accounted_for() -> None:
    evidence = merged(tagged(MENU, menu=0.9), tagged(HALL, ambiance=0.8), buried(GONE))
    found = account([MENU, HALL, GONE], evidence)
    assert found.is_complete
    assert [end.photo.name for end in found.tagged] == ["menu.jpg", "hall.jpg"]
    assert [end.topics for end in found.tagged] == [(topics.MODERATION,), (topics.AMBIANCE,)]
    assert [(end.photo.name, end.code) for end in found.buried] == [("gone.jpg", "gone")]


def test_a_photograph_without_any_end_is_missing() -> None:
    assert _why(uploaded(MENU)) == "neither scores in the store nor a dead letter"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda e: without(e, topics.TAGGED), "0 different ImageTagged events, where one is due"),
        (lambda e: without(e, topics.MODERATION), "no event on photos.moderation.v1 for menu"),
        (lambda e: dataclasses.replace(e, records={}), "its scores are not in the history"),
        (lambda e: merged(e, buried(MENU)), "both tagged and dead-lettered (gone)"),
    ],
)
def test_a_tagged_photograph_that_lacks_something_is_missing(
    spoil: Callable[[RunEvidence], RunEvidence], why: str
) -> None:
    assert _why(spoil(tagged(MENU, menu=0.9))) == why


def test_tags_that_were_never_marked_as_announced_are_missing() -> None:
    evidence = tagged(MENU, menu=0.9)
    unmarked = dataclasses.replace(evidence, heads={MENU.image_id: head(MENU, menu=0.9)})
    assert _why(unmarked) == "the store does not know its tags as announced"


def test_an_event_that_says_other_tags_than_the_store_is_missing() -> None:
    stored = tagged(MENU, menu=0.9)
    said = merged(without(stored, topics.TAGGED), without(tagged(MENU, menu=0.8), topics.MODERATION))
    assert _why(dataclasses.replace(said, heads=stored.heads, records=stored.records)) == (
        "its ImageTagged event says other tags than the store"
    )


def test_a_dead_letter_without_a_cause_is_missing() -> None:
    assert _why(buried(MENU, code="")) == "a dead letter without a cause"


def test_repeated_events_count_once() -> None:
    evidence = merged(tagged(MENU, menu=0.9), tagged(MENU, menu=0.9), buried(GONE), buried(GONE))
    found = account([MENU, GONE], evidence)
    assert found.is_complete
    assert _counts(found)[topics.TAGGED] == (1, 1)
    assert _counts(found)[topics.MODERATION] == (1, 1)
    assert _counts(found)[topics.DEAD_LETTERS] == (1, 1)


def test_a_collection_of_no_restaurant_is_no_route() -> None:
    homeless = photo("hall.jpg", restaurant=None)
    found = account([homeless], tagged(homeless, ambiance=0.9))
    assert found.is_complete
    assert found.tagged[0].topics == ()
