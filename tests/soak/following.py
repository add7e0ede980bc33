"""The outbound topics as a consumer follows them: each event once, and none of an older revision."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.statements import DecisionVisibility
from streams.message import Message

Event = dict[str, Any]


@dataclass
class Followed:
    """What a consumer of one topic holds when it has read all of it."""

    events: int = 0
    repeated: int = 0
    """Under an id that was read before."""
    overtaken: int = 0
    """Of an older revision of their image than was read before: dropped."""
    revisions: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """That were read, by image id."""
    routes: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Labels that stand, by image id."""
    restricted: set[str] = field(default_factory=set)
    """Images whose last statement of reasons restricts them."""
    ambiguous: list[tuple[str, str]] = field(default_factory=list)
    """Images of which one fact was said under two ids, or two facts under one; and how."""


def followed(messages: Iterable[Message]) -> Followed:
    """The fold of one topic, in its order."""
    fold = _Fold()
    for message in messages:
        event = event_of(message)
        if event is not None:
            fold.take(event)
    return fold.held


def latest(messages: Iterable[Message]) -> dict[str, Message]:
    """The last message of each key, as compaction leaves it."""
    return {(message.key or b"").decode(): message for message in messages}


def event_of(message: Message) -> Event | None:
    """What the message says; None of a tombstone."""
    return None if message.value is None else json.loads(message.value)


class _Fold:
    def __init__(self) -> None:
        self.held = Followed()
        self._facts: dict[str, tuple[object, ...]] = {}
        self._ids: dict[tuple[object, ...], str] = {}
        self._newest: defaultdict[str, int] = defaultdict(int)

    def take(self, event: Event) -> None:
        self.held.events += 1
        image_id, revision = event["image_id"], event["revision"]
        self.held.revisions[image_id].add(revision)
        if self._is_known(event):
            self.held.repeated += 1
        if revision < self._newest[image_id]:
            self.held.overtaken += 1
            return
        self._newest[image_id] = revision
        self._change(event)

    def _is_known(self, event: Event) -> bool:
        """Whether it was read before; one fact has one id."""
        places = ("image_id", "revision", "label", "action", "restaurant_id", "kind")
        event_id, fact = event["event_id"], tuple(event.get(name) for name in places)
        is_known = event_id in self._facts
        if self._facts.setdefault(event_id, fact) != fact:
            self.held.ambiguous.append((event["image_id"], f"event id {event_id} says two things"))
        if self._ids.setdefault(fact, event_id) != event_id:
            self.held.ambiguous.append((event["image_id"], f"revision {event['revision']} has two event ids"))
        return is_known

    def _change(self, event: Event) -> None:
        if event.get("action") == "added":
            self.held.routes[event["image_id"]].add(event["label"])
        elif event.get("action") == "removed":
            self.held.routes[event["image_id"]].discard(event["label"])
        if DecisionVisibility.DISABLED in event.get("decision_visibility", ()):
            self.held.restricted.add(event["image_id"])
        elif "decision_visibility" in event:
            self.held.restricted.discard(event["image_id"])
