"""List of images: pages of heads that fit a filter, of a bounded number that is read (ADR 43).

Only a restaurant is found by an index. All else is held against what is read, so a page may be short, or
have nothing, and there may be more behind it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.records import ImageHead, State
from streams.ports import ScoreStore

MOST_READ: Final = 2_000
"""Heads of one page."""

READ_TOGETHER: Final = 100
"""Heads of one read: to parse more at once would keep others of the event loop waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter:
    """Which images are wanted; None stands for any."""

    restaurant_id: str | None = None
    label: str | None = None
    """A tag that holds: a person's word over the model's."""
    state: State | None = None
    model_version: str | None = None
    """Of the scores that stand."""

    def fits(self, head: ImageHead) -> bool:
        """Whether the image is wanted; a restaurant's are known to be its own."""
        if head.is_erased:
            return False
        if self.state is not None and head.state is not self.state:
            return False
        if self.label is not None and (head.verdict is None or self.label not in head.verdict.tagged):
            return False
        version = head.scores.model.version if head.scores else None
        return self.model_version is None or version == self.model_version


@dataclass(frozen=True, slots=True)
class HeadPage:
    """What was found, in the order of image ids."""

    heads: tuple[ImageHead, ...]
    behind: str | None
    """The image id behind which the next page begins; None at the end."""


async def page(store: ScoreStore, wanted: ImageFilter, *, after: str = "", limit: int = 50) -> HeadPage:
    """At most `limit` heads behind `after` that fit.

    Raises `Unavailable`, and `ConfigurationError` where the store lacks the index of restaurants.
    """
    found: list[ImageHead] = []
    unread, together = MOST_READ, limit + 1  # one more tells whether that is all
    while unread:
        asked = min(unread, together, READ_TOGETHER)
        heads = await _read(store, wanted.restaurant_id, after=after, limit=asked)
        for place, head in enumerate(heads, start=1):
            after = head.image_id
            if wanted.fits(head):
                found.append(head)
            if len(found) == limit:
                is_last = place == len(heads) < asked
                return HeadPage(tuple(found), None if is_last else after)
        if len(heads) < asked:
            return HeadPage(tuple(found), None)
        unread, together = unread - len(heads), READ_TOGETHER
    return HeadPage(tuple(found), after)


async def _read(
    store: ScoreStore, restaurant_id: str | None, *, after: str, limit: int
) -> tuple[ImageHead, ...]:
    if restaurant_id is None:
        return await store.scan(after=after, limit=limit)
    return await store.of_restaurant(restaurant_id, after=after, limit=limit)
