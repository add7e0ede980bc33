"""Indexes of the tests' own document server: with one or without, a query has the same answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import ASCENDING, IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from tests.contract.mongo_server import MongoWireServer

Document = Mapping[str, Any]
KEPT = "kept"
"""A copy of the `_id`, by which a document is found without an index."""

INDEXES = (
    IndexModel([("a", "hashed")], name="hashed"),
    IndexModel([("a", ASCENDING), ("b", ASCENDING)], name="two"),
    IndexModel([("b", ASCENDING)], name="sparse", sparse=True),
    IndexModel([("c.d", ASCENDING)], name="path"),
)

# Few values, so that what is asked for is there, and lies at the very ends of ranges.
TEXTS = ("", "a", "a\x00", "a\x01", "a\x01\x01", "ab", "b", "\x7f", "\xe9", "\uffff")
MOMENTS = tuple(datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
texts = st.sampled_from(TEXTS)
moments = st.sampled_from(MOMENTS)
numbers = st.sampled_from((-1, 0, -0.0, 0.5, 1, 1.0, 2**40, float(2**40), 2**53 + 1, float("inf")))
scalars = st.one_of(texts, texts, moments, numbers, st.booleans())
parts = st.dictionaries(st.sampled_from(("d", "e")), scalars, min_size=1)
values = st.one_of(
    texts, scalars, st.none(), parts, st.lists(st.one_of(scalars, st.none(), parts), max_size=3)
)
bodies = st.fixed_dictionaries({}, optional={"a": values, "b": scalars, "c": st.one_of(values, parts)})
keys = st.one_of(texts, numbers, moments, parts)

ordered = st.one_of(texts, moments)
ranges = st.dictionaries(st.sampled_from(("$gt", "$gte", "$lt", "$lte")), ordered, min_size=1, max_size=2)
asked = st.one_of(
    scalars,
    st.none(),
    parts,
    scalars.map(lambda value: {"$eq": value}),
    st.lists(st.one_of(scalars, st.none()), max_size=3).map(lambda several: {"$in": several}),
    ranges,
    ranges,
    scalars.map(lambda value: {"$ne": value}),
    st.booleans().map(lambda exists: {"$exists": exists}),
)
simple = st.dictionaries(st.sampled_from(("_id", "a", "b", "c.d")), asked, min_size=1, max_size=3)
both = st.tuples(st.sampled_from(("$or", "$and")), st.lists(simple, min_size=1, max_size=3))
queries = st.one_of(simple, st.tuples(simple, both).map(lambda pair: {**pair[0], pair[1][0]: pair[1][1]}))


@pytest.fixture(scope="module")
def client(mongo: MongoWireServer) -> Iterator[MongoClient[Any]]:
    made: MongoClient[Any]
    with MongoClient(mongo.url, tz_aware=True) as made:
        yield made


class Twins:
    """The same documents twice: one collection has all the indexes, the other is never asked by one."""

    def __init__(self, client: MongoClient[Any], contents: Sequence[tuple[Any, Document]]) -> None:
        database = client[f"test-{uuid4().hex}"]
        self.indexed: Collection[Any] = database.indexed
        self.plain: Collection[Any] = database.plain
        self.indexed.create_indexes(list(INDEXES[:2]))
        for key, body in contents:
            self._put(key, body)
        self.indexed.create_indexes(list(INDEXES[2:]))  # as others are made while documents stand

    def _put(self, key: Any, body: Document) -> None:
        """Written over what stands there."""
        for collection in (self.indexed, self.plain):
            collection.replace_one({"_id": key}, {"_id": key, KEPT: key, **body}, upsert=True)

    def drop(self) -> None:
        self.indexed.database.client.drop_database(self.indexed.database.name)


def without_indexes(query: Document) -> Document:
    named = {KEPT if path == "_id" else path: value for path, value in query.items()}
    return {
        path: [without_indexes(each) for each in value] if path in ("$or", "$and") else value
        for path, value in named.items()
    }


contents = st.lists(st.tuples(keys, bodies), min_size=6, max_size=16)


@pytest.mark.parametrize("path", ["_id", "a", "b"])
def test_the_ends_of_a_range_belong_to_it_as_they_are_asked(client: MongoClient[Any], path: str) -> None:
    ends = (*TEXTS, *MOMENTS)
    twins = Twins(client, [(end, {"a": [end, "z"], "b": end}) for end in ends])
    single = [{path: {how: end}} for how in ("$gt", "$gte", "$lt", "$lte") for end in ends]
    paired = [{path: {"$gte": low, "$lte": high}} for low, high in product(ends, ends)]
    for query in single + paired:
        right = list(twins.plain.find(without_indexes(query)).sort("_id", 1))
        assert list(twins.indexed.find(query).sort("_id", 1)) == right, query
    twins.drop()


@given(contents, st.lists(queries, min_size=4, max_size=8))
def test_an_index_changes_no_answer(
    client: MongoClient[Any], contents: Sequence[tuple[Any, Document]], queries: Sequence[Document]
) -> None:
    twins = Twins(client, contents)
    for query in queries:
        right = list(twins.plain.find(without_indexes(query)).sort("_id", 1))
        assert list(twins.indexed.find(query).sort("_id", 1)) == right
        assert twins.indexed.count_documents(query) == len(right)
    twins.drop()


@given(contents, texts, st.integers(1, 4))
def test_pages_by_an_index_are_those_of_a_sort(
    client: MongoClient[Any], contents: Sequence[tuple[Any, Document]], after: str, limit: int
) -> None:
    twins = Twins(client, contents)
    behind: Document = {"_id": {"$gt": after}}
    right = twins.plain.find(without_indexes(behind)).sort(KEPT, 1).limit(limit)
    assert list(twins.indexed.find(behind).sort("_id", 1).limit(limit)) == list(right)
    behind = {"b": {"$gt": after}}
    paged = [each["b"] for each in twins.indexed.find(behind).sort("b", 1).limit(limit)]
    assert paged == [each["b"] for each in twins.plain.find(behind).sort("b", 1).limit(limit)]
    twins.drop()


@given(contents, queries)
def test_what_is_deleted_by_an_index_is_what_matched(
    client: MongoClient[Any], contents: Sequence[tuple[Any, Document]], query: Document
) -> None:
    twins = Twins(client, contents)
    twins.indexed.delete_many(query)
    twins.plain.delete_many(without_indexes(query))
    assert list(twins.indexed.find().sort("_id", 1)) == list(twins.plain.find().sort("_id", 1))
    for path in ("a", "b", "c.d"):
        assert [*twins.indexed.find({path: {"$gte": ""}}, {"_id": 1}).sort("_id", 1)] == [
            *twins.plain.find({path: {"$gte": ""}}, {"_id": 1}).sort("_id", 1)
        ]
    twins.drop()


def test_a_unique_index_refuses_a_second_document(client: MongoClient[Any]) -> None:
    collection = client[f"test-{uuid4().hex}"].unique
    collection.create_index("a", unique=True)
    collection.insert_one({"_id": "first", "a": 1})
    with pytest.raises(DuplicateKeyError):
        collection.insert_one({"_id": "second", "a": 1.0})
    with pytest.raises(BulkWriteError):
        collection.insert_many([{"_id": "first"}])
    assert [each["_id"] for each in collection.find()] == ["first"]
