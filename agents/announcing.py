"""From what an image's head says to the events that say so: pure, with deterministic ids.

ImageTagged goes out for every scored image. Moderation and collections hear of changes only, and
the change is taken against the last *announced* verdict: what was stored but never acknowledged by
the broker has been said to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
    said = (_tagged(head), *_changes(head))
    return tuple(announcement for announcement in said if not is_homeless(announcement))


def homeless(head: ImageHead) -> int:
    """How many collection changes of `head` have no restaurant to go to."""
    return sum(map(is_homeless, _changes(head)))


def is_homeless(announcement: Announcement) -> bool:
    """Whether it is a change to the collection of no restaurant."""
    return isinstance(announcement.event, CollectionChanged) and announcement.event.restaurant_id is None


def state(verdict: Verdict) -> State:
    """Hidden while a label sends the image to moderation; doubt alone hides nothing."""
    flagged = any(route.topic == topics.MODERATION and route.label != UNCERTAIN for route in verdict.routes)
    return State.HIDDEN if flagged else State.VISIBLE


def _tagged(head: ImageHead) -> Announcement:
    facts = _facts(head, "tagged")
    event = ImageTagged(**facts, location=head.location, tags=head.verdict.tags)
    return Announcement(topic=topics.TAGGED, event=event)


def _changes(head: ImageHead) -> Iterable[Announcement]:
    before = _by_place(head.announced.verdict.routes) if head.announced else {}
    now = _by_place(head.verdict.routes)
    for place in now.keys() - before.keys():
        yield _change(head, now[place], Action.ADDED)
    for place in before.keys() - now.keys():
        yield _change(head, before[place], Action.REMOVED)


def _by_place(routes: Iterable[Route]) -> dict[tuple[str, str], Route]:
    return {(route.topic, route.label): route for route in routes}


def _change(head: ImageHead, route: Route, action: Action) -> Announcement:
    facts = _facts(head, route.topic, route.label, action)
    facts |= {"action": action, "label": route.label, "location": head.location, "why": route}
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
