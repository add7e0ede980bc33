"""Paged scan of every head of a store: memory does not grow with the archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from schemas.records import ImageHead
from streams.ports import ScoreStore

_PAGE: Final = 500


async def every_head(scores: ScoreStore) -> AsyncIterator[ImageHead]:
    """The heads in the order of their image ids; one that is written meanwhile is read as it then is."""
    after = ""
    while page := await scores.scan(after=after, limit=_PAGE):
        for head in page:
            yield head
        after = page[-1].image_id
