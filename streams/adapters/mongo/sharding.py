"""Shard keys: how a sharded cluster spreads the collections; nothing that a server must have.

An image's documents stand on one shard. So an `_id` is the only one of its collection although each
shard looks at its own alone. An administrator shards, once; no command of ours does, since it takes
rights that a worker's user should not have, and cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.adapters.mongo.indexes import Keys

SHARD_KEYS: Final[Mapping[str, Keys]] = {
    "images": (("_id", "hashed"),),  # the image's id
    "scores": (("image_id", "hashed"),),
    "statements": (("image_id", "hashed"),),
}


def shard_commands(database: str) -> tuple[str, ...]:
    """What an administrator of a sharded cluster runs in mongosh, once."""
    return tuple(
        f'sh.shardCollection("{database}.{collection}", {spelled(keys)})'
        for collection, keys in SHARD_KEYS.items()
    )


def hashing_commands(database: str) -> tuple[str, ...]:
    """What comes before that where the collections hold documents: then the index has to be there."""
    return tuple(
        f'db.getSiblingDB("{database}").{collection}.createIndex({spelled(keys)})'
        for collection, keys in SHARD_KEYS.items()
    )


def spelled(keys: Keys) -> str:
    """The keys as mongosh reads them."""
    words = (f'"{name}": ' + (f'"{kind}"' if isinstance(kind, str) else str(kind)) for name, kind in keys)
    return f"{{ {', '.join(words)} }}"
