"""What a head has to say to the world, and what it has said already."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agents import announcements
from agents.announcements import RouteMove
from schemas import topics
from schemas.decisions import Decided, Decision
from schemas.events import (
    Action,
    Announcement,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    TagsHeld,
)
from schemas.records import Announced, Content, ImageHead, PossiblyPublished, State
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
    announced = Announced(verdict=before, position=position(0), restaurant_id="r1", revision=1)
    return ImageHead(
        image_id="img_1",
        location=Location(bucket="photos", key="r1/a.jpg"),
        restaurant_id=restaurant,
        position=position(1),
        state=State.VISIBLE,
        verdict=now,
        judged=now,
        scores=Scores(probabilities={"menu": 0.9}, model=now.model),
        announced=announced if before else None,
        revision=2,
    )


def said_of(head: ImageHead) -> tuple[Announcement, ...]:
    return announcements.announcements(head, announcements.diff(head))


def changes(head: ImageHead) -> set[tuple[str, str, str]]:
    events = [(said.topic, said.event) for said in said_of(head)]
    changed = [(topic, e) for topic, e in events if isinstance(e, ModerationRequested | CollectionChanged)]
    return {(topic, e.label, str(e.action)) for topic, e in changed}


def ids(said: tuple[Announcement, ...]) -> list[str]:
    return [each.event.event_id for each in said if each.event]


def test_a_first_verdict_adds_every_route() -> None:
    assert changes(head(verdict(MENU, AMBIANCE))) == {(*MENU, "added"), (*AMBIANCE, "added")}


def test_the_tags_come_before_what_follows_from_them() -> None:
    assert [each.topic for each in said_of(head(verdict(MENU)))] == [
        topics.TAGGED,
        topics.LATEST,
        topics.MODERATION,
    ]


def test_an_unchanged_verdict_of_a_new_upload_is_tagged_and_changes_nothing() -> None:
    said = said_of(head(verdict(MENU), verdict(MENU)))
    assert [each.topic for each in said] == [topics.TAGGED, topics.LATEST]


def test_the_latest_tags_are_those_that_hold() -> None:
    doubtful = Tag(label="food", probability=0.2, threshold=0.7, tagged=False)
    now = verdict(MENU)
    (held,) = [
        each.event
        for each in said_of(head(now.model_copy(update={"tags": (*now.tags, doubtful)})))
        if each.topic == topics.LATEST
    ]
    assert isinstance(held, TagsHeld)
    assert [tag.label for tag in held.tags] == ["menu"]


def test_a_deleted_image_is_withdrawn_everywhere_and_leaves_a_tombstone() -> None:
    deleted = {"verdict": None, "state": State.DELETED}
    gone = head(verdict(), verdict(MENU, AMBIANCE)).model_copy(update=deleted)
    said = said_of(gone)
    assert changes(gone) == {(*MENU, "removed"), (*AMBIANCE, "removed")}
    assert said[-1] == Announcement(topic=topics.LATEST, key="img_1", event=None)
    assert topics.TAGGED not in {each.topic for each in said}


def test_what_no_longer_holds_is_removed_and_what_is_new_is_added() -> None:
    assert changes(head(verdict(HUMAN, AMBIANCE), verdict(MENU, HUMAN))) == {
        (*MENU, "removed"),
        (*AMBIANCE, "added"),
    }


def test_a_removal_says_why_with_the_probability_of_now() -> None:
    said = said_of(head(verdict(), verdict(MENU)))
    (event,) = [each.event for each in said if isinstance(each.event, ModerationRequested)]
    assert event.why.rule == "menu no longer holds"
    assert event.why.probability == 0.9


def test_a_removal_names_the_person_who_decided() -> None:
    decision = Decision(
        event_id="d",
        action=Decided.APPROVE,
        decided_at=datetime(2026, 1, 2, tzinfo=UTC),
        decided_by="ann",
        partition=0,
        offset=0,
    )
    decided = head(verdict(), verdict(MENU)).model_copy(update={"decision": decision})
    (event,) = [each.event for each in said_of(decided) if isinstance(each.event, ModerationRequested)]
    assert event.why.rule == "ann decided: approve"


def test_what_was_kept_but_never_acknowledged_is_taken_back_too() -> None:
    maybe = PossiblyPublished(route=verdict(MENU).routes[0], restaurant_id="r1")
    unsure = head(verdict(AMBIANCE), verdict()).model_copy(update={"pending": (maybe,)})
    assert changes(unsure) == {(*AMBIANCE, "added"), (*MENU, "removed")}


def test_what_an_older_revision_said_late_is_put_right() -> None:
    now = head(verdict(AMBIANCE))
    late = (
        RouteMove(verdict(MENU).routes[0], Action.ADDED, "r1"),
        RouteMove(verdict(AMBIANCE).routes[0], Action.REMOVED, "r1"),
        RouteMove(verdict(HUMAN).routes[0], Action.REMOVED, "r1"),
    )
    again = {(move.route.label, move.action) for move in announcements.amends(now, late)}
    assert again == {("menu", Action.REMOVED), ("ambiance", Action.ADDED)}


def test_one_label_on_two_topics_is_two_routes() -> None:
    both = ((topics.MODERATION, "ambiance"), AMBIANCE)
    assert changes(head(verdict(*both), verdict(AMBIANCE))) == {(*both[0], "added")}


def test_an_announced_head_has_no_moves_left() -> None:
    fresh = head(verdict(MENU))
    announced = Announced(verdict=fresh.verdict, position=position(1), restaurant_id="r1", revision=2)
    assert announcements.diff(fresh.model_copy(update={"announced": announced})) == ()


def test_a_photograph_of_no_restaurant_is_moderated_but_joins_no_collection() -> None:
    homeless = head(verdict(MENU, AMBIANCE), restaurant=None)
    assert changes(homeless) == {(*MENU, "added")}
    assert sum(move.is_without_restaurant for move in announcements.diff(homeless)) == 1


def test_with_a_restaurant_nothing_is_homeless() -> None:
    assert not any(move.is_without_restaurant for move in announcements.diff(head(verdict(MENU, AMBIANCE))))


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
    said, again = (said_of(head(now, before)) for _ in range(2))
    assert said == again
    assert len(set(ids(said))) == len(said)


def test_another_event_another_model_or_another_turn_is_another_fact() -> None:
    first = head(verdict(MENU))
    later = first.model_copy(update={"position": position(2)})
    rescored = head(verdict(MENU, model=OTHER_MODEL))
    again = first.model_copy(update={"turn": 1})
    every = [ids(said_of(each)) for each in (first, later, rescored, again)]
    assert len({event_id for some in every for event_id in some}) == 12


def test_the_same_event_from_another_offset_is_the_same_fact() -> None:
    first = head(verdict(MENU))
    elsewhere = first.model_copy(update={"position": position(1).model_copy(update={"offset": 99})})
    assert ids(said_of(first)) == ids(said_of(elsewhere))


def of_image(head: ImageHead, **facts: object) -> ImageHead:
    return head.model_copy(update=facts)


def pending(*places: Place, restaurant: str) -> tuple[PossiblyPublished, ...]:
    return tuple(
        PossiblyPublished(route=route, restaurant_id=restaurant) for route in verdict(*places).routes
    )


def test_what_may_have_been_said_is_said_again_for_it_may_not_have_been() -> None:
    unsure = of_image(head(verdict(MENU), verdict()), pending=pending(MENU, restaurant="r1"))
    assert changes(unsure) == {(*MENU, "added")}


def test_what_may_have_been_said_to_another_restaurant_is_taken_back_there() -> None:
    unsure = of_image(head(verdict(AMBIANCE), verdict()), pending=pending(AMBIANCE, restaurant="r3"))
    moved = {(move.restaurant_id, move.action) for move in announcements.diff(unsure)}
    assert moved == {("r1", Action.ADDED), ("r3", Action.REMOVED)}


def test_an_image_that_leaves_two_collections_says_so_to_each_with_an_id_of_its_own() -> None:
    moved = head(verdict(AMBIANCE), verdict(AMBIANCE), restaurant="r2")
    said = said_of(of_image(moved, pending=pending(AMBIANCE, restaurant="r3")))
    gone = [each for each in said if isinstance(each.event, CollectionChanged) and each.key != "r2"]
    assert sorted(each.key for each in gone) == ["r1", "r3"]
    assert len(set(ids(said))) == len(said)


def test_another_restaurant_s_image_needs_no_second_look() -> None:
    assert changes(head(verdict(MENU), verdict(MENU), restaurant="r2")) == set()


def test_one_event_of_two_images_is_two_facts() -> None:
    one = head(verdict(MENU))
    both = [*ids(said_of(one)), *ids(said_of(of_image(one, image_id="img_2")))]
    assert len(set(both)) == len(both)


def test_what_people_act_on_names_the_bytes_and_the_restaurant() -> None:
    seen = of_image(head(verdict(MENU)), content=Content(digest="abc", size=1))
    said = [each.event for each in said_of(seen)]
    named = [event for event in said if isinstance(event, ModerationRequested | ImageTagged)]
    assert [(event.content_digest, event.restaurant_id) for event in named] == [("abc", "r1")] * 2


def reasons(head: ImageHead) -> dict[str, str]:
    """Why each route was taken back."""
    events = [each.event for each in said_of(head)]
    changed = [event for event in events if isinstance(event, ModerationRequested | CollectionChanged)]
    return {event.label: event.why.rule for event in changed if event.action is Action.REMOVED}


def test_a_removal_says_why() -> None:
    deleted = of_image(head(verdict(), verdict(MENU)), verdict=None, state=State.DELETED)
    hidden = of_image(head(verdict(MENU), verdict(AMBIANCE)), state=State.HIDDEN)
    assert reasons(deleted) == {"menu": "the image was removed"}
    assert reasons(hidden) == {"ambiance": "hidden until a person has verified it"}
    assert reasons(head(verdict(AMBIANCE), verdict(AMBIANCE), restaurant="r2")) == {
        "ambiance": "it belongs to another restaurant now"
    }


def test_a_removal_says_the_label_s_probability_of_now() -> None:
    now = verdict()
    tags = (now.tags[0].model_copy(update={"probability": 0.1}),)
    (event,) = [
        each.event
        for each in said_of(head(now.model_copy(update={"tags": tags}), verdict(MENU)))
        if isinstance(each.event, ModerationRequested)
    ]
    assert event.why.probability == 0.1


def test_a_decision_that_was_revoked_is_nobody_s_word_on_the_latest_tags() -> None:
    revoked = Decision(
        event_id="d",
        action=Decided.REVOKE,
        decided_at=datetime(2026, 1, 2, tzinfo=UTC),
        decided_by="ann",
        partition=0,
        offset=0,
    )
    held = [each.event for each in said_of(of_image(head(verdict()), decision=revoked))]
    assert [event.decided_by for event in held if isinstance(event, TagsHeld)] == [None]
