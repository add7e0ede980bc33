"""Which claim stands, whoever hears of the events in whatever order."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import Claim, Claims
from schemas.uploads import ImageRemoved, ImageUploaded, Location, Position

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOCATION: Final = Location(bucket="photos", key="r1/a.jpg")


def claim(event: str, *, minute: int, sequencer: str | None = None, **facts: object) -> Claim:
    """What the event of this id claims; ids also tell the claims' places apart."""
    place = {"partition": 0, "offset": int(event, 36), "event_id": event}
    moment = NOON + timedelta(minutes=minute)
    position = Position.model_validate(place | {"uploaded_at": moment, "sequencer": sequencer})
    return Claim.model_validate({"position": position, "location": LOCATION} | facts)


def again(said: Claim) -> Claim:
    """The same event, published once more: somewhere behind everything else."""
    later = said.position.model_copy(update={"offset": said.position.offset + 10_000})
    return said.model_copy(update={"position": later})


def positions() -> st.SearchStrategy[Position]:
    return st.builds(
        Position,
        uploaded_at=st.integers(0, 3).map(lambda minute: NOON + timedelta(minutes=minute)),
        partition=st.integers(0, 1),
        offset=st.integers(0, 3),
        event_id=st.uuids().map(str),
        sequencer=st.none() | st.text("0aAF1", min_size=1, max_size=4),
    )


CLAIMS: Final = st.builds(
    Claim,
    position=positions(),
    location=st.sampled_from("123").map(lambda version: LOCATION.model_copy(update={"version": version})),
    is_removal=st.booleans(),
    restaurant_id=st.sampled_from((None, "r1", "r2")),
)
FEW: Final = settings(max_examples=40)
"""Stories are long: each example tries an order many times."""
STORIES: Final = st.lists(CLAIMS, min_size=10, max_size=20)
JOINS: Final = st.lists(CLAIMS, min_size=4, max_size=8).map(lambda story: Claims.of(*story))


@FEW
@given(one=JOINS, other=JOINS)
def test_a_join_is_the_same_from_either_side(one: Claims, other: Claims) -> None:
    assert one.joined(other) == other.joined(one)


@FEW
@given(one=JOINS, other=JOINS, third=JOINS)
def test_a_join_is_the_same_however_it_is_grouped(one: Claims, other: Claims, third: Claims) -> None:
    assert one.joined(other).joined(third) == one.joined(other.joined(third))


@FEW
@given(claims=JOINS, other=JOINS)
def test_what_was_joined_before_changes_nothing(claims: Claims, other: Claims) -> None:
    assert claims.joined(claims) == claims
    assert claims.joined(other).joined(other) == claims.joined(other)


@FEW
@given(story=STORIES, random=st.randoms(use_true_random=False), again=st.integers(1, 3))
def test_the_outcome_is_the_same_in_any_order_and_however_often_each_event_comes(
    story: list[Claim], random: Random, again: int
) -> None:
    told = story * again
    random.shuffle(told)
    heard, once = Claims.of(*told), Claims.of(*story)
    assert heard == once
    assert heard.current == once.current
    assert heard.restaurant_id == once.restaurant_id


@FEW
@given(
    minutes=st.lists(st.integers(0, 60), min_size=6, max_size=12, unique=True),
    data=st.data(),
)
def test_an_event_that_is_published_again_counts_as_it_was_published_first(
    minutes: list[int], data: st.DataObject
) -> None:
    sequencers = st.none() | st.text("0aAF1", min_size=1, max_size=4)
    once = [claim(f"{minute + 1:x}", minute=minute, sequencer=data.draw(sequencers)) for minute in minutes]
    told = data.draw(st.permutations([*once, *map(again, data.draw(st.lists(st.sampled_from(once))))]))
    assert Claims.of(*told) == Claims.of(*once)


@FEW
@given(story=STORIES, cut=st.integers(1, 9))
def test_two_workers_that_heard_half_each_agree_when_they_meet(story: list[Claim], cut: int) -> None:
    one, other = Claims.of(*story[:cut]), Claims.of(*story[cut:])
    assert reduce(Claims.joined, (one, other)) == Claims.of(*story)


@FEW
@given(story=STORIES)
def test_the_standing_claim_is_the_latest_of_its_voice(story: list[Claim]) -> None:
    standing = Claims.of(*story).current
    own_voice = [each for each in story if bool(each.position.sequencer) == bool(standing.position.sequencer)]
    assert not any(standing.position.precedes(each.position) for each in own_voice)


def test_three_events_that_form_a_cycle_have_one_outcome() -> None:
    first = claim("a", minute=0, sequencer="1")
    second = claim("b", minute=-5)
    third = claim("c", minute=-10, sequencer="2")
    outcomes = {Claims.of(*told).current.position.event_id for told in permutations((first, second, third))}
    assert first.position.precedes(third.position)
    assert third.position.precedes(second.position)
    assert second.position.precedes(first.position)
    assert outcomes == {"b"}


def test_two_records_of_one_message_with_one_time_have_one_outcome() -> None:
    one = claim("a", minute=0)
    place = one.position.model_copy(update={"event_id": "b"})
    other = one.model_copy(update={"position": place, "is_removal": True})
    assert Claims.of(one, other) == Claims.of(other, one)


def test_a_producers_word_for_the_restaurant_holds_though_storage_spoke_last() -> None:
    said = Claims.of(claim("a", minute=0, restaurant_id="r1"), claim("b", minute=1, sequencer="1"))
    assert said.current.position.event_id == "b"
    assert said.restaurant_id == "r1"


def test_the_standing_claims_own_word_for_the_restaurant_comes_first() -> None:
    storage = claim("b", minute=1, sequencer="1", restaurant_id="r2")
    assert Claims.of(claim("a", minute=0, restaurant_id="r1"), storage).restaurant_id == "r2"


def test_no_claim_stands_where_none_was_made() -> None:
    with pytest.raises(LookupError):
        _ = Claims().current


def test_an_upload_claims_what_it_says() -> None:
    facts = {"restaurant_id": "r1", "uploader_id": "u1", "attributes": {"camera": "phone"}}
    event = ImageUploaded.model_validate({"location": LOCATION, "uploaded_at": NOON} | facts)
    claimed = Claim.of(event, claim("a", minute=0).position)
    assert claimed.model_dump(include=set(facts)) == facts
    assert not claimed.is_removal


def test_a_removal_claims_that_the_image_is_gone() -> None:
    event = ImageRemoved.model_validate({"location": LOCATION, "removed_at": NOON})
    claimed = Claim.of(event, claim("a", minute=0).position)
    assert claimed.is_removal
    assert claimed.is_same(claim("a", minute=7))
