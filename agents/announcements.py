"""Diff of the last announced and the current verdict, as events: pure, with deterministic ids.

ImageTagged and the latest tags go out for every revision. Moderation and collections hear of
changes only, taken against what the world *may have heard*: the last acknowledged verdict, and what
was kept since but never acknowledged, because a worker may die between saying and marking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from agents import moderation_policy
from schemas import identity, topics
from schemas.events import (
    Action,
    Announcement,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    OtherVerdict,
    Reason,
    TagsHeld,
)
from schemas.records import ImageHead, PossiblyPublished, State
from schemas.tags import Route, Tag, Verdict

Place = tuple[str, str, str | None]
"""Topic, label, and the restaurant where it is a collection's."""


class RouteMove(NamedTuple):
    """A route that the image takes up or leaves."""

    route: Route
    action: Action
    restaurant_id: str | None

    @property
    def is_without_restaurant(self) -> bool:
        """Whether it is a change to the collection of no restaurant."""
        return self.route.topic != topics.MODERATION and self.restaurant_id is None

    @property
    def place(self) -> Place:
        """Where the route leads; a collection is another one in another restaurant."""
        return _place(self.route, self.restaurant_id)


def diff(head: ImageHead) -> tuple[RouteMove, ...]:
    """What has to be said of routes so that the world knows what `head` knows."""
    if head.is_announced:
        return ()
    announced = head.announced
    certain = _places(announced.verdict, announced.restaurant_id) if announced else {}
    heard = certain | {_place(each.route, each.restaurant_id): each for each in head.pending}
    now = _standing(head)
    added = (_taken(each) for place, each in now.items() if place not in certain)
    return (*added, *(_withdrawn(head, each) for place, each in heard.items() if place not in now))


def amends(head: ImageHead, published: Sequence[RouteMove]) -> tuple[RouteMove, ...]:
    """What to say again: `published`, of an older revision, may stand behind what `head`'s own said."""
    now = _standing(head)
    again = []
    for move in published:
        stands = move.place in now
        if stands and move.action is Action.REMOVED:
            again.append(_taken(now[move.place]))
        elif not stands and move.action is Action.ADDED:
            again.append(
                _withdrawn(head, PossiblyPublished(route=move.route, restaurant_id=move.restaurant_id))
            )
    return tuple(again)


def announcements(head: ImageHead, moved: Iterable[RouteMove]) -> tuple[Announcement, ...]:
    """The events that say what holds of `head`, and those `moved` that have somewhere to go."""
    changes = (_change(head, move) for move in moved if not move.is_without_restaurant)
    if head.state is State.DELETED:
        return (*changes, tombstone(head))
    return (_tagged(head), _held(head), *changes)


def tombstone(head: ImageHead) -> Announcement:
    """That no tags hold of the image."""
    return Announcement(topic=topics.LATEST, key=head.image_id, event=None)


def _standing(head: ImageHead) -> dict[Place, PossiblyPublished]:
    return _places(head.verdict, head.restaurant_id)


def _places(verdict: Verdict | None, restaurant_id: str | None) -> dict[Place, PossiblyPublished]:
    routes = verdict.routes if verdict else ()
    return {
        _place(route, restaurant_id): PossiblyPublished(route=route, restaurant_id=restaurant_id)
        for route in routes
    }


def _place(route: Route, restaurant_id: str | None) -> Place:
    return route.topic, route.label, None if route.topic == topics.MODERATION else restaurant_id


def _taken(placed: PossiblyPublished) -> RouteMove:
    return RouteMove(placed.route, Action.ADDED, placed.restaurant_id)


def _withdrawn(head: ImageHead, placed: PossiblyPublished) -> RouteMove:
    """Why it is taken back, with the label's probability of now."""
    why = placed.route.model_copy(update={"rule": _why_not(head, placed.route)})
    for tag in _tags(head):
        if tag.label == why.label:
            why = why.model_copy(update={"probability": tag.probability})
    return RouteMove(why, Action.REMOVED, placed.restaurant_id)


def _why_not(head: ImageHead, route: Route) -> str:
    if head.is_erased:
        return "the image was erased"
    if head.state is State.DELETED:
        return "the image was removed"
    if decision := moderation_policy.in_force(head):
        return f"{decision.decided_by} decided: {decision.action}"
    if head.state is State.HIDDEN and route.topic != topics.MODERATION:
        return "hidden until a person has verified it"
    if head.judged and (route.topic, route.label) in {(r.topic, r.label) for r in head.judged.routes}:
        return "it belongs to another restaurant now"
    return f"{route.label} no longer holds"


def _tagged(head: ImageHead) -> Announcement:
    facts = _facts(head, "tagged") | {"content_digest": head.digest}
    event = ImageTagged(**facts, tags=_tags(head), state=head.state, before=_before(head))
    return Announcement(topic=topics.TAGGED, key=head.image_id, event=event)


def _before(head: ImageHead) -> OtherVerdict | None:
    verdict = head.announced.verdict if head.announced else None
    if head.reason is not Reason.REPLAY or verdict is None:
        return None
    return OtherVerdict(model=verdict.model, labels=verdict.tagged)


def is_news(head: ImageHead) -> bool:
    """Whether `head` says anything that was not said before, but for who scored it and how high."""
    announced = head.announced
    if announced is None or announced.verdict is None or head.verdict is None or head.statements:
        return True
    was, now = (set(each.tagged) for each in (announced.verdict, head.verdict))
    return was != now or announced.restaurant_id != head.restaurant_id or bool(diff(head))


def _held(head: ImageHead) -> Announcement:
    tags = tuple(tag for tag in _tags(head) if tag.tagged)
    decision = moderation_policy.in_force(head)
    event = TagsHeld(
        **_facts(head, "held"),
        tags=tags,
        state=head.state,
        decided_by=decision.decided_by if decision else None,
    )
    return Announcement(topic=topics.LATEST, key=head.image_id, event=event)


def _change(head: ImageHead, move: RouteMove) -> Announcement:
    route, action = move.route, move.action
    facts = _facts(head, route.topic, route.label, action, move.restaurant_id or "")
    facts |= {"action": action, "label": route.label, "why": route, "restaurant_id": move.restaurant_id}
    if route.topic == topics.MODERATION:
        facts |= {"restaurant_id": head.restaurant_id, "content_digest": head.digest}
        return Announcement(topic=route.topic, key=head.image_id, event=ModerationRequested(**facts))
    key = move.restaurant_id or head.image_id
    return Announcement(topic=route.topic, key=key, event=CollectionChanged(**facts))


def _facts(head: ImageHead, *fact: str) -> dict[str, Any]:
    model = head.verdict.model if head.verdict else None
    occasion = (head.position.event_id, str(head.turn), model.digest if model else "")
    return {
        "event_id": identity.event_id(head.image_id, *occasion, *fact),
        "image_id": head.image_id,
        "revision": head.revision,
        "position": head.position,
        "model": model,
        "restaurant_id": head.restaurant_id,
        "location": head.location,
        "reason": head.reason,
    }


def _tags(head: ImageHead) -> tuple[Tag, ...]:
    return head.verdict.tags if head.verdict else ()
