"""From what an image's head says to the events that say so: pure, with deterministic ids.

ImageTagged goes out for every scored image. Moderation and collections hear of changes only, and
the change is taken against the last *announced* verdict: what was stored but never acknowledged by
the broker has been said to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas import identity, topics
from schemas.events import (
    Action,
    Announcement,
    AnyTagEvent,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
)
from schemas.records import ImageHead, State
from schemas.tags import UNCERTAIN, Route, Verdict


def announcements(head: ImageHead) -> tuple[Announcement, ...]:
    """Everything to publish so that the world knows what `head` knows; empty when it does already."""
    if head.is_announced:
        return ()
    return (_tagged(head), *(_change(head, move) for move in _moves(head) if not move.is_homeless))


def homeless(head: ImageHead) -> int:
    """How many collection changes of `head` have no restaurant to go to."""
    return sum(move.is_homeless for move in _moves(head))


def state(verdict: Verdict) -> State:
    """Hidden while a label sends the image to moderation; doubt alone hides nothing."""
    flagged = any(route.topic == topics.MODERATION and route.label != UNCERTAIN for route in verdict.routes)
    return State.HIDDEN if flagged else State.VISIBLE


def _tagged(head: ImageHead) -> Announcement:
    facts = _facts(head, "tagged")
    event = ImageTagged(**facts, location=head.location, tags=head.verdict.tags)
    return Announcement(topic=topics.TAGGED, event=event)


class _Move(NamedTuple):
    """A route that the image has taken up or left since the last announcement."""

    route: Route
    action: Action
    restaurant: str | None

    @property
    def is_homeless(self) -> bool:
        """Whether it is a change to the collection of no restaurant."""
        return self.route.topic != topics.MODERATION and self.restaurant is None


def _moves(head: ImageHead) -> Iterable[_Move]:
    said = head.announced
    before = _by_place(said.verdict, said.restaurant_id) if said else {}
    now = _by_place(head.verdict, head.restaurant_id)
    for place, route in now.items():
        if place not in before:
            yield _Move(route, Action.ADDED, head.restaurant_id)
    for place, route in before.items():
        if place not in now:
            yield _Move(route, Action.REMOVED, said.restaurant_id if said else None)


def _by_place(verdict: Verdict, restaurant: str | None) -> dict[tuple[str, str, str | None], Route]:
    """Each route by where it leads; a collection is another one in another restaurant."""
    return {
        (route.topic, route.label, None if route.topic == topics.MODERATION else restaurant): route
        for route in verdict.routes
    }


def _change(head: ImageHead, move: _Move) -> Announcement:
    route, action = move.route, move.action
    facts = _facts(head, route.topic, route.label, action)
    facts |= {"action": action, "label": route.label, "location": head.location, "why": route}
    facts |= {"restaurant_id": move.restaurant}
    event: AnyTagEvent
    event = ModerationRequested(**facts) if route.topic == topics.MODERATION else CollectionChanged(**facts)
    return Announcement(topic=route.topic, event=event)


def _facts(head: ImageHead, *fact: str) -> dict[str, Any]:
    model = head.verdict.model
    return {
        "event_id": identity.event_id(head.image_id, head.position.event_id, model.digest, *fact),
        "image_id": head.image_id,
        "position": head.position,
        "model": model,
        "restaurant_id": head.restaurant_id,
    }
