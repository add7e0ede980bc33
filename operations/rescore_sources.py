"""Sources of images to rescore: each gives the page behind a checkpoint, as often as it is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas import identity
from schemas.claims import Claims
from streams.ports import ObjectKeys, ScoreStore

Wanted = Mapping[str, Claims | None]
"""Images, and what the source itself claims of them: None where only the store knows."""


@dataclass(frozen=True, slots=True)
class SourcePage:
    """Some images of a source, and the checkpoint behind them."""

    images: Wanted
    after: str


class ImageSource(Protocol):
    """Where a job's images are named."""

    @property
    def total(self) -> int | None:
        """How many images there are, where that is known."""

    async def page(self, after: str, *, limit: int) -> SourcePage | None:
        """The next images behind the checkpoint `after`; None at the end."""

    async def again(self, image_ids: Collection[str]) -> Wanted:
        """The same of these images, which it has named before."""


class StoreSource:
    """Every image that the store knows, by image id; nothing has to be retained by a broker."""

    total = None

    def __init__(self, scores: ScoreStore) -> None:
        self._scores = scores

    async def page(self, after: str, *, limit: int) -> SourcePage | None:
        """See `ImageSource.page`."""
        heads = await self._scores.scan(after=after, limit=limit)
        return SourcePage({head.image_id: None for head in heads}, heads[-1].image_id) if heads else None

    async def again(self, image_ids: Collection[str]) -> Wanted:
        """See `ImageSource.again`."""
        return dict.fromkeys(image_ids)


class PrefixSource:
    """The objects below a prefix, by key; those that the store does not know were never announced."""

    total = None

    def __init__(self, keys: ObjectKeys, *, bucket: str, prefix: str) -> None:
        self._keys = keys
        self._bucket = bucket
        self._prefix = prefix

    async def page(self, after: str, *, limit: int) -> SourcePage | None:
        """See `ImageSource.page`."""
        keys = await self._keys.keys(self._bucket, self._prefix, after=after, limit=limit)
        files = (key for key in keys if not key.endswith("/"))  # the others are what consoles call folders
        images: Wanted = {identity.image_id(self._bucket, key): None for key in files}
        return SourcePage(images, keys[-1]) if keys else None

    async def again(self, image_ids: Collection[str]) -> Wanted:
        """See `ImageSource.again`."""
        return dict.fromkeys(image_ids)
