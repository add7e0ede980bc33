"""What a head has to say to the world, and what it has said already."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import announcing
from schemas import topics
from schemas.events import Announcement
from schemas.records import Announced, ImageHead, State
from schemas.tags import UNCERTAIN, ModelRef, Route, Scores, Tag, Verdict
from schemas.uploads import Location, Position

MODEL = ModelRef(name="restaurant", version="1", digest="aa")
OTHER_MODEL = ModelRef(name="restaurant", version="2", digest="bb")
MENU = (topics.MODERATION, "menu")
HUMAN = (topics.MODERATION, "human")
DOUBT = (topics.MODERATION, UNCERTAIN)
AMBIANCE = (topics.AMBIANCE, "ambiance")
Place = tuple[str, str]
PLACES = (MENU, HUMAN, DOUBT, AMBIANCE)


def verdict(*places: Place, model: ModelRef = MODEL) -> Verdict:
    routes = tuple(
        Route(topic=topic, label=label, probability=0.9, threshold=0.7, rule="r") for topic, label in places
    )
    tag = Tag(label="menu", probability=0.9, threshold=0.7, tagged=True)
    return Verdict(tags=(tag,), routes=routes, model=model)


def position(minute: int) -> Position:
    moment = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    return Position(uploaded_at=moment, partition=0, offset=minute, event_id=f"u-{minute}")


def head(now: Verdict, before: Verdict | None = None, *, restaurant: str | None = "r1") -> ImageHead:
    """The head of minute 1, where minute 0 was the last to be announced."""
    return ImageHead(
        image_id="img_1",
        location=Location(bucket="photos", key="r1/a.jpg"),
        restaurant_id=restaurant,
        position=position(1),
        state=announcing.state(now),
        verdict=now,
        scores=Scores(probabilities={"menu": 0.9}, model=now.model),
        announced=Announced(verdict=before, position=position(0), restaurant_id="r1") if before else None,
    )


def changes(head: ImageHead) -> set[tuple[str, str, str]]:
    events = [(said.topic, said.event) for said in announcing.announcements(head)]
    return {(topic, e.label, str(e.action)) for topic, e in events if e.type != "ImageTagged"}


def ids(said: tuple[Announcement, ...]) -> list[str]:
    return [each.event.event_id for each in said]


def test_a_first_verdict_adds_every_route() -> None:
    assert changes(head(verdict(MENU, AMBIANCE))) == {(*MENU, "added"), (*AMBIANCE, "added")}


def test_the_tagged_event_comes_first() -> None:
    assert announcing.announcements(head(verdict(MENU)))[0].event.type == "ImageTagged"


def test_an_unchanged_verdict_of_a_new_upload_is_tagged_and_changes_nothing() -> None:
    said = announcing.announcements(head(verdict(MENU), verdict(MENU)))
    assert [each.event.type for each in said] == ["ImageTagged"]


def test_what_no_longer_holds_is_removed_and_what_is_new_is_added() -> None:
    assert changes(head(verdict(HUMAN, AMBIANCE), verdict(MENU, HUMAN))) == {
        (*MENU, "removed"),
        (*AMBIANCE, "added"),
    }


def test_a_removal_says_the_route_as_it_was_announced() -> None:
    before = verdict(MENU)
    said = announcing.announcements(head(verdict(), before))
    events = [each.event for each in said if each.event.type == "ModerationRequested"]
    assert [event.why for event in events] == [before.routes[0]]


def test_one_label_on_two_topics_is_two_routes() -> None:
    both = ((topics.MODERATION, "ambiance"), AMBIANCE)
    assert changes(head(verdict(*both), verdict(AMBIANCE))) == {(*both[0], "added")}


def test_an_announced_head_has_nothing_more_to_say() -> None:
    fresh = head(verdict(MENU))
    marked = fresh.model_copy(update={"announced": Announced(verdict=fresh.verdict, position=position(1))})
    assert announcing.announcements(marked) == ()


def test_the_same_verdict_announced_for_an_earlier_event_is_not_announced_for_this_one() -> None:
    assert announcing.announcements(head(verdict(MENU), verdict(MENU))) != ()


@pytest.mark.parametrize(
    ("places", "state"),
    [
        ((MENU,), State.HIDDEN),
        ((HUMAN, AMBIANCE), State.HIDDEN),
        ((DOUBT,), State.VISIBLE),
        ((DOUBT, MENU), State.HIDDEN),
        ((AMBIANCE,), State.VISIBLE),
        ((), State.VISIBLE),
    ],
)
def test_what_a_label_sends_to_moderation_is_hidden_and_doubt_alone_hides_nothing(
    places: tuple[Place, ...], state: State
) -> None:
    assert announcing.state(verdict(*places)) is state


def test_a_photograph_of_no_restaurant_is_moderated_but_joins_no_collection() -> None:
    homeless = head(verdict(MENU, AMBIANCE), restaurant=None)
    assert changes(homeless) == {(*MENU, "added")}
    assert announcing.homeless(homeless) == 1


def test_with_a_restaurant_nothing_is_homeless() -> None:
    assert announcing.homeless(head(verdict(MENU, AMBIANCE))) == 0


VERDICTS = st.sets(st.sampled_from(PLACES)).map(lambda places: verdict(*sorted(places)))


@given(now=VERDICTS, before=st.none() | VERDICTS)
def test_whatever_was_said_before_following_the_changes_gives_what_holds_now(
    now: Verdict, before: Verdict | None
) -> None:
    held = {(route.topic, route.label) for route in before.routes} if before else set()
    for topic, label, action in changes(head(now, before)):
        assert ((topic, label) in held) == (action == "removed")
        held ^= {(topic, label)}
    assert held == {(route.topic, route.label) for route in now.routes}


@given(now=VERDICTS, before=st.none() | VERDICTS)
def test_saying_it_again_repeats_the_ids_and_no_two_facts_share_one(
    now: Verdict, before: Verdict | None
) -> None:
    said, again = (announcing.announcements(head(now, before)) for _ in range(2))
    assert said == again
    assert len(set(ids(said))) == len(said)


def test_another_event_or_another_model_is_another_fact() -> None:
    first = head(verdict(MENU))
    later = first.model_copy(update={"position": position(2)})
    rescored = head(verdict(MENU, model=OTHER_MODEL))
    every = [ids(announcing.announcements(each)) for each in (first, later, rescored)]
    assert len({event_id for some in every for event_id in some}) == 6


def test_the_same_event_from_another_offset_is_the_same_fact() -> None:
    first = head(verdict(MENU))
    elsewhere = first.model_copy(update={"position": position(1).model_copy(update={"offset": 99})})
    assert ids(announcing.announcements(first)) == ids(announcing.announcements(elsewhere))
