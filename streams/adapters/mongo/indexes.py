"""Index declarations: indexes and shard keys as data, and what a database has of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pymongo import IndexModel

Keys = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection; `why` says who needs it."""

    collection: str
    name: str
    keys: Keys
    why: str
    is_sparse: bool = False
    """Only of documents that have the field."""


UPLOADERS: Final = ("head.claims.storage.uploader_id", "head.claims.producer.uploader_id")
"""Where a head names its uploader, by the voice that does."""

INDEXES: Final = (
    Index("images", "images_of_restaurant", (("restaurant_id", 1), ("state", 1)), "a restaurant's images"),
    Index("images", "images_by_upload", (("uploaded_at", 1),), "the images of a time"),
    *(
        Index(
            "images",
            f"images_of_uploader_by_{path.split('.')[2]}",
            ((path, 1),),
            "an erasure",
            is_sparse=True,
        )
        for path in UPLOADERS
    ),
    Index("images", "images_half_erased", (("head.erased.is_told", 1),), "erasures", is_sparse=True),
    Index("scores", "scores_of_image", (("image_id", "hashed"),), "an image's history; the shard key"),
    Index("statements", "statements_of_image", (("image_id", "hashed"),), "an image's; the shard key"),
    Index("statements", "statements_in_order", (("place", 1),), "the statements of a time, in order"),
)

SHARD_KEYS: Final[Mapping[str, Keys]] = {
    "images": (("_id", "hashed"),),  # the image's id
    "scores": (("image_id", "hashed"),),
    "statements": (("image_id", "hashed"),),
}
"""By which a sharded cluster spreads the collections: an image's documents stand on one shard.

So an `_id` is the only one of its collection although each shard looks at its own alone.
"""


class IndexState(StrEnum):
    """What a database has of a declared index."""

    THERE = "there"
    CREATED = "created"
    MISSING = "missing"
    DIFFERS = "differs"
    """Another index has its name. Dropping one of 500 million entries is left to people."""


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """A declared index, and what the database has of it."""

    index: Index
    standing: IndexState


async def found(database: Any) -> tuple[FoundIndex, ...]:  # noqa: ANN401 - motor stays in its own file
    """Every declared index, and what `database` has of it."""
    has = {name: await _keys(database[name]) for name in {index.collection for index in INDEXES}}
    return tuple(FoundIndex(index, _standing(index, has[index.collection])) for index in INDEXES)


async def apply(database: Any) -> tuple[FoundIndex, ...]:  # noqa: ANN401 - motor stays in its own file
    """Make what is missing. Safe to run again, and while workers write."""
    return tuple([await _made(database, each) for each in await found(database)])


def shard_commands(database: str) -> tuple[str, ...]:
    """What an administrator of a sharded cluster runs, once, before the first image."""
    return tuple(
        f'sh.shardCollection("{database}.{collection}", {{ {_spelled(keys)} }})'
        for collection, keys in SHARD_KEYS.items()
    )


async def _made(database: Any, each: FoundIndex) -> FoundIndex:  # noqa: ANN401
    if each.standing is not IndexState.MISSING:
        return each
    options = {"sparse": True} if each.index.is_sparse else {}
    model = IndexModel(list(each.index.keys), name=each.index.name, **options)
    await database[each.index.collection].create_indexes([model])
    return FoundIndex(each.index, IndexState.CREATED)


async def _keys(collection: Any) -> Mapping[str, Keys]:  # noqa: ANN401
    """The keys of every index of the collection, by the index's name."""
    information = await collection.index_information()
    return {name: tuple(index["key"]) for name, index in information.items()}


def _standing(index: Index, has: Mapping[str, Keys]) -> IndexState:
    if index.keys in has.values():  # under whatever name: MongoDB takes no two of the same keys
        return IndexState.THERE
    return IndexState.DIFFERS if index.name in has else IndexState.MISSING


def _spelled(keys: Keys) -> str:
    return ", ".join(f'"{name}": "{kind}"' for name, kind in keys)
