"""A restaurant's collection, computed from heads: what guests see now, ranked, each with its reason (ADR 43).

A head is in the collection while one of its routes leads to the collection's topic: what consumers of the
topic know once they have read all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from agents import moderation_policy
from operations.image_list import READ_TOGETHER
from schemas.records import ImageHead, State
from schemas.tags import Route
from streams.ports import ScoreStore

MOST_READ: Final = 1_000
"""Images of one collection."""


@dataclass(frozen=True, slots=True)
class CollectedImage:
    """One image of a collection, and why it is where it is."""

    head: ImageHead
    route: Route
    """The one that ranks it highest, where several lead there."""
    rank: float
    """The probability of the route's label; 1 where a person has said so."""
    decided_by: str | None
    """Whose decision holds of the image; None where it is the model's alone."""
    same_as: tuple[str, ...] = ()
    """Other images of the very same bytes, which stand behind it."""


@dataclass(frozen=True, slots=True)
class RestaurantCollection:
    """The collection, the highest rank first."""

    images: tuple[CollectedImage, ...]
    is_whole: bool
    """Whether all of it was read."""


async def collect(store: ScoreStore, restaurant_id: str, *, topic: str) -> RestaurantCollection:
    """What the restaurant has in the collection of `topic`; nothing of one that nobody knows.

    Raises `Unavailable`, and `ConfigurationError` where the store lacks the index of collections.
    """
    heads: list[ImageHead] = []
    while asked := min(READ_TOGETHER, MOST_READ + 1 - len(heads)):  # one more tells whether that is all
        after = heads[-1].image_id if heads else ""
        read = await store.of_restaurant(restaurant_id, topic=topic, after=after, limit=asked)
        heads += read
        if len(read) < asked:
            break
    images = collected(heads[:MOST_READ], topic=topic)
    return RestaurantCollection(images, is_whole=len(heads) <= MOST_READ)


def collected(heads: Iterable[ImageHead], *, topic: str) -> tuple[CollectedImage, ...]:
    """Those that are in the collection, ranked: the newest first among equals, the same bytes once."""
    every = [_collected(head, topic) for head in heads if _is_shown(head, topic)]
    every.sort(key=lambda each: each.head.image_id)
    every.sort(key=lambda each: (each.rank, each.head.position.uploaded_at), reverse=True)
    return _folded(every)


def _is_shown(head: ImageHead, topic: str) -> bool:
    """Hidden ones have no such route; it is held all the same, since guests look at what is answered."""
    return head.state is State.VISIBLE and head.verdict is not None and head.verdict.leads_to(topic)


def _collected(head: ImageHead, topic: str) -> CollectedImage:
    routes = [each for each in (head.verdict.routes if head.verdict else ()) if each.topic == topic]
    decision = moderation_policy.in_force(head)
    best = max(routes, key=lambda each: _rank(head, each))
    return CollectedImage(head, best, _rank(head, best), decision.decided_by if decision else None)


def _rank(head: ImageHead, route: Route) -> float:
    tags = head.verdict.tags if head.verdict else ()
    is_said = any(tag.label == route.label and tag.source == "person" for tag in tags)
    return 1.0 if is_said else route.probability


def _folded(ranked: Iterable[CollectedImage]) -> tuple[CollectedImage, ...]:
    """Each content once, at its highest place."""
    groups: dict[tuple[str | None, str], list[CollectedImage]] = {}
    for each in ranked:
        digest = each.head.digest
        groups.setdefault((digest, "" if digest else each.head.image_id), []).append(each)
    return tuple(
        replace(first, same_as=tuple(each.head.image_id for each in others))
        for first, *others in groups.values()
    )
