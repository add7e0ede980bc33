"""Index comparison: what a database has of what is declared, and what it has beside that.

An index that differs is never dropped here: one of 500 million entries is left to people, and so is
whatever is not ours. What they would run is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from streams.adapters.mongo.indexes import INDEXES, RETIRED, Index, Keys
from streams.adapters.mongo.sharding import SHARD_KEYS, spelled

_PARTIAL: Final = "partialFilterExpression"

_NO_OPTIONS: Final = frozenset({"v", "key", "ns", "name", "background"})
"""What a server says of every index, and which makes no difference to a query."""

_NO_PARTIAL: Final = frozenset({67, 72, 197, 238})
"""CannotCreateIndex, InvalidOptions, InvalidIndexSpecificationOption, NotImplemented."""


class IndexState(StrEnum):
    """What a database has of an index."""

    THERE = "there"
    CREATED = "created"
    MISSING = "missing"
    DIFFERS = "differs"
    """Another index has its name or its keys, and would not carry its queries."""
    RETIRED = "not needed"
    """An earlier version's."""
    FOREIGN = "not ours"


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index as the server describes it."""

    collection: str
    name: str
    keys: Keys
    options: Mapping[str, Any]

    @classmethod
    def of(cls, collection: str, name: str, said: Mapping[str, Any]) -> BuiltIndex:
        """From what the driver says of it."""
        keys = tuple((field, kind if isinstance(kind, str) else int(kind)) for field, kind in said["key"])
        options = {each: value for each, value in said.items() if value and each not in _NO_OPTIONS}
        return cls(collection, name, keys, options)

    def carries(self, index: Index) -> bool:
        """Whether the queries of the declaration are carried; one over all documents does that too."""
        is_hashed = index.is_by_equality and self.keys == tuple((each, "hashed") for each, _ in index.keys)
        options = ({}, {_PARTIAL: index.condition}) if index.condition else ({},)
        return (is_hashed or self.keys == index.keys) and self.options in options

    def __str__(self) -> str:
        said = "".join(f", {option}: {value}" for option, value in sorted(self.options.items()))
        return f"{spelled(self.keys)}{said}"


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """An index that is declared or there, and how the two compare."""

    index: Index
    standing: IndexState
    built: BuiltIndex | None = None
    """What is there, under whatever name."""

    def mend(self, database: str) -> str:
        """What a person runs about it, in mongosh or in a shell; empty where nothing is to be done."""
        if self.standing is IndexState.MISSING:
            return "tagstream store apply"
        if self.built is None or self.standing not in {IndexState.DIFFERS, IndexState.RETIRED}:
            return ""
        collection = f'db.getSiblingDB("{database}").{self.built.collection}'
        drop = f'{collection}.dropIndex("{self.built.name}")'
        return drop if self.standing is IndexState.RETIRED else f"{drop}, then tagstream store apply"


async def found(database: Any) -> tuple[FoundIndex, ...]:  # noqa: ANN401 - motor stays in its own file
    """Every declared index, and what `database` has of it; then what it has beside those."""
    collections = dict.fromkeys(index.collection for index in INDEXES)
    return compared([built for each in collections for built in await _built(database, each)])


async def carries(database: Any, index: Index) -> bool:  # noqa: ANN401 - motor stays in its own file
    """Whether `database` has the index, under whatever name."""
    return any(each.carries(index) for each in await _built(database, index.collection))


async def apply(database: Any) -> tuple[FoundIndex, ...]:  # noqa: ANN401 - motor stays in its own file
    """Make what is missing. Safe to run again, and while workers write."""
    return tuple([await _made(database, each) for each in await found(database)])


def compared(built: Sequence[BuiltIndex]) -> tuple[FoundIndex, ...]:
    """Every declared index beside what is built, and then what else is built."""
    declared = tuple(_standing(index, built) for index in INDEXES)
    met = {(each.built.collection, each.built.name) for each in declared if each.built}
    beside = [each for each in built if (each.collection, each.name) not in met and each.name != "_id_"]
    return *declared, *map(_undeclared, beside)


def _standing(index: Index, built: Iterable[BuiltIndex]) -> FoundIndex:
    here = [each for each in built if each.collection == index.collection]
    for each in here:
        if each.carries(index):
            return FoundIndex(index, IndexState.THERE, each)
    for each in here:
        if each.name == index.name or each.keys == index.keys:
            return FoundIndex(index, IndexState.DIFFERS, each)
    return FoundIndex(index, IndexState.MISSING)


def _undeclared(built: BuiltIndex) -> FoundIndex:
    for index in RETIRED:
        if (built.collection, built.name, built.keys) == (index.collection, index.name, index.keys):
            return FoundIndex(index, IndexState.RETIRED, built)
    is_shard_key = SHARD_KEYS.get(built.collection) == built.keys
    why = "the shard key" if is_shard_key else ""
    standing = IndexState.THERE if is_shard_key else IndexState.FOREIGN
    return FoundIndex(Index(built.collection, built.name, built.keys, why), standing, built)


async def _made(database: Any, each: FoundIndex) -> FoundIndex:  # noqa: ANN401
    if each.standing is not IndexState.MISSING:
        return each
    from pymongo import IndexModel  # noqa: PLC0415 - the driver: not for those who only compare
    from pymongo.errors import OperationFailure  # noqa: PLC0415

    collection, index = database[each.index.collection], each.index
    options = {_PARTIAL: dict(index.condition)} if index.condition else {}
    try:
        await collection.create_indexes([IndexModel(list(index.keys), name=index.name, **options)])
    except OperationFailure as error:
        if not options or error.code not in _NO_PARTIAL:
            raise
        # It knows no partial indexes: over all documents it is larger, and carries the same queries.
        await collection.create_indexes([IndexModel(list(index.keys), name=index.name)])
    return FoundIndex(index, IndexState.CREATED)


async def _built(database: Any, collection: str) -> list[BuiltIndex]:  # noqa: ANN401
    information = await database[collection].index_information()
    return [BuiltIndex.of(collection, name, said) for name, said in information.items()]
