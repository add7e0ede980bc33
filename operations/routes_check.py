"""Checks routing rules: what they would change, by the scores that are kept; nothing is written or sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agents import moderation_policy
from model.policy import Policy
from schemas import topics
from schemas.records import ImageHead, State
from schemas.tags import ModelRef, Route

EXAMPLES: Final = 3
"""Images named for each kind of change."""

Tick = Callable[[ImageHead], None]
"""Told of every image that was looked at."""

_ALPHABET: Final = "234567abcdefghijklmnopqrstuvwxyz"
"""Base32's, in the order in which stores sort it."""
_DERIVED: Final = "img_"
_PLACES: Final = 4


@dataclass(slots=True)
class Change:
    """One kind of change: how many images, and the first few of them."""

    count: int = 0
    examples: dict[str, float | None] = field(default_factory=dict)
    """Image id to the probability that decides."""

    def note(self, image_id: str, probability: float | None) -> None:
        """One more image."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples[image_id] = probability

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        examples = [{"image_id": image, "probability": seen} for image, seen in self.examples.items()]
        return {"count": self.count, "examples": examples}


@dataclass(slots=True)
class RouteChanges:
    """What would become of one route."""

    added: Change = field(default_factory=Change)
    removed: Change = field(default_factory=Change)
    without_restaurant: int = 0
    """Of those added, images of no restaurant: they stay out of collections."""

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        changes = {"added": self.added.document(), "removed": self.removed.document()}
        return {**changes, "added_without_restaurant": self.without_restaurant}


class Outlook:
    """What holds of each image now, beside what `policy` would make of the same scores.

    Its memory is that of the kinds of change, however many images it looks at.
    """

    def __init__(self, policy: Policy, model: ModelRef) -> None:
        self._policy = policy
        self._model = model
        self.looked = 0
        self.judged = 0
        self.changed = 0
        self.deleted = 0
        self.other_models: Counter[str] = Counter()
        """Images by the model that scored them, where that is another one: its thresholds are not known."""
        places = ((rule.topic, rule.label) for rule in policy.rules)
        self.routes: dict[tuple[str, str], RouteChanges] = {place: RouteChanges() for place in places}
        """By topic and label: every rule, and every route that no rule leads to any more."""
        self.states: dict[State, Change] = {State.HIDDEN: Change(), State.VISIBLE: Change()}
        """What images would become that they are not."""

    def look(self, head: ImageHead) -> None:
        """Take one more image into account."""
        self.looked += 1
        if head.state is State.DELETED or head.scores is None:
            self.deleted += 1
        elif head.scores.model != self._model:
            self.other_models[_named(head.scores.model)] += 1
        else:
            self.judged += 1
            self.changed += self._compare(head, redecided(head, self._policy))

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        return {
            "images": self.looked,
            "judged": self.judged,
            "changed": self.changed,
            "deleted": self.deleted,
            "other_models": dict(self.other_models),
            "routes": [
                {"topic": topic, "label": label, **changes.document()}
                for (topic, label), changes in self.routes.items()
            ],
            "states": {state: change.document() for state, change in self.states.items()},
        }

    def _compare(self, before: ImageHead, after: ImageHead) -> bool:
        """Count what the two heads differ in; whether they do."""
        old, new = _routes(before), _routes(after)
        added, removed = new.keys() - old.keys(), old.keys() - new.keys()
        for place in added:
            self._of(place).added.note(before.image_id, new[place].probability)
            self._of(place).without_restaurant += (
                place[0] != topics.MODERATION and after.restaurant_id is None
            )
        for place in removed:
            self._of(place).removed.note(before.image_id, old[place].probability)
        if before.state is not after.state:
            self.states[after.state].note(before.image_id, None)
        return bool(added or removed) or before.state is not after.state

    def _of(self, place: tuple[str, str]) -> RouteChanges:
        return self.routes.setdefault(place, RouteChanges())


def redecided(head: ImageHead, policy: Policy) -> ImageHead:
    """`head` as a worker with `policy` would leave it: by its kept scores, and by what people decided."""
    if head.scores is None:
        return head
    announced = head.announced.verdict if head.announced else None
    judged = policy.decide(head.scores, announced)
    # The moment says only since when a person is asked to look, which is not compared.
    moment = head.position.uploaded_at
    return moderation_policy.ruled(head.model_copy(update={"judged": judged}), policy.correct, now=moment)


async def scan(heads: AsyncIterator[ImageHead], outlook: Outlook, *, limit: int | None, tick: Tick) -> bool:
    """Look at `heads`, at most `limit` of them; whether that was all of them."""
    async for head in heads:
        if outlook.looked == limit:
            return False
        outlook.look(head)
        tick(head)
    return True


def share_behind(image_id: str) -> float | None:
    """The share of images that stores sort before `image_id`; None where it cannot be told.

    Derived ids are digests, so they are spread evenly; of ids that producers made up nobody knows.
    """
    digest = image_id.removeprefix(_DERIVED)[:_PLACES]
    if not image_id.startswith(_DERIVED) or len(digest) < _PLACES or not set(digest) <= set(_ALPHABET):
        return None
    base = float(len(_ALPHABET))
    return sum(_ALPHABET.index(each) / base**place for place, each in enumerate(digest, 1))


def _routes(head: ImageHead) -> Mapping[tuple[str, str], Route]:
    routes: Iterable[Route] = head.verdict.routes if head.verdict else ()
    return {(route.topic, route.label): route for route in routes}


def _named(model: ModelRef) -> str:
    return f"{model.name} {model.version} ({model.digest[:12]})"
