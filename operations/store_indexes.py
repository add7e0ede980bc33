"""The indexes of the score store: which ones are there, and those that are missing made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.wiring.settings import StoreSettings, blame
from agents.wiring.stores import blamed, open_mongo
from streams.adapters.mongo.index_states import FoundIndex
from streams.adapters.mongo.sharding import hashing_commands, shard_commands


@dataclass(frozen=True, slots=True)
class StoreIndexes:
    """MongoDB's indexes, and how its collections are sharded."""

    database: str
    found: tuple[FoundIndex, ...]
    shard: tuple[str, ...]
    """What an administrator runs on a sharded cluster, and nowhere else."""
    before_shard: tuple[str, ...]
    """What comes before that where the collections hold documents."""

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """Each index as plain values."""
        return [
            {
                "collection": each.index.collection,
                "name": each.index.name,
                "keys": dict(each.index.keys),
                "why": each.index.why,
                "condition": dict(each.index.condition),
                "standing": str(each.standing),
                "built": str(each.built) if each.built else None,
                "mend": each.mend(self.database),
            }
            for each in self.found
        ]


async def read(settings: StoreSettings, *, applies: bool) -> StoreIndexes:
    """The declared indexes, and which of them are there; with `applies` those that are missing are made.

    Raises `ConfigurationError` for a URL that is none, and `Unavailable`.
    """
    with blame(blamed(settings)):
        async with open_mongo(settings) as opened:
            found = await (opened.apply_indexes() if applies else opened.indexes())
    name = settings.database
    return StoreIndexes(name, found, shard_commands(name), hashing_commands(name))
