"""What is judged to be carried by an index, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from streams.adapters.mongo.indexes import Index
from tests.mongo_queries import Query, is_carried, queries

PAIR = Index("c", "pair", (("a", 1), ("b", 1)), "")
TRIPLE = Index("c", "triple", (("x", 1), ("y", 1), ("z", -1)), "")
HASHED = Index("c", "hashed", (("h", "hashed"),), "")
PARTIAL = Index("c", "partial", (("p", 1), ("_id", 1)), "", {"p": {"$gt": ""}})
FLAG = Index("c", "flag", (("f", 1), ("_id", 1)), "", {"f": False})
PRESENT = Index("c", "present", (("e", 1),), "", {"e": {"$exists": True}})
INDEXES = (PAIR, TRIPLE, HASHED, PARTIAL, FLAG, PRESENT)


def judged(where: dict[str, Any], *, limit: int = 0, **sort: int) -> bool:
    command = {"find": "c", "filter": where, "sort": sort, "limit": limit}
    (query,) = queries(command)
    return is_carried(query, INDEXES)


CARRIED: tuple[dict[str, Any], ...] = (
    {"_id": "i"},
    {"_id": {"image_id": "i", "model_version": "1"}},
    {"_id": "i", "anything": {"$exists": True}},
    {"_id": {"$in": ["i", "j"]}, "$or": [{"token": 1}, {"past": 1}]},
    {"_id": {"$gt": "i"}},
    {"a": 1},
    {"a": {"$eq": 1}},
    {"a": None},
    {"a": {"$in": [1, 2]}, "b": 1},
    {"a": {"$gt": 1, "$lt": 5}},
    {"a": 1, "b": {"$gte": 2}},
    {"$and": [{"a": 1}, {"b": 2}]},
    {"$or": [{"a": 1}, {"x": 1, "y": 2}]},
    {"a": 1, "$or": [{"b": 1}, {"b": 2}]},
    {"h": 1},
    {"h": {"$in": [1, 2]}},
    {"p": "u1"},
    {"p": {"$in": ["u1", "u2"]}},
    {"f": False},
    {"e": 1},
)

NOT_CARRIED: tuple[dict[str, Any], ...] = (
    {},
    {"b": 1},
    {"nothing": 1},
    {"a": 1, "nothing": 1},
    {"a": {"$gt": 1}, "b": 2},
    {"a": {"$ne": 1}},
    {"a": {"$regex": "^x"}},
    {"a": {"$exists": True}},
    {"x": 1, "z": 1},
    {"$or": [{"a": 1}, {"b": 1}]},
    {"$or": [{"a": 1}, {"$or": [{"a": 2}, {"b": 1}]}]},
    {"$nor": [{"a": 1}]},
    {"$expr": {"$eq": ["$a", 1]}},
    {"$and": [{"a": 1}, {"nothing": 2}]},
    {"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 5}}]},
    {"h": {"$gt": 1}},
    {"p": None},
    {"p": ""},
    {"p": 7},
    {"p": {"$gt": "u1"}},
    {"p": {"$in": ["u1", None]}},
    {"f": True},
    {"e": None},
)


@pytest.mark.parametrize("where", CARRIED, ids=str)
def test_a_filter_that_an_index_serves_is_carried(where: dict[str, Any]) -> None:
    assert judged(where)


@pytest.mark.parametrize("where", NOT_CARRIED, ids=str)
def test_a_filter_that_no_index_serves_whole_is_not(where: dict[str, Any]) -> None:
    assert not judged(where)


ORDERED = (
    ({"_id": "i"}, {"nothing": 1}),
    ({"_id": {"$in": ["i"]}}, {"_id": 1}),
    ({"_id": {"$gt": "i"}}, {"_id": 1}),
    ({"_id": {"$gt": "i"}}, {"_id": -1}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"b": -1}),
    ({"a": 1}, {"a": 1, "b": 1}),
    ({"a": {"$gt": 1}}, {"a": 1, "b": 1}),
    ({"a": {"$gt": 1}}, {"a": -1, "b": -1}),
    ({"x": 1}, {"y": 1, "z": -1}),
    ({"x": 1}, {"y": -1, "z": 1}),
    ({"p": "u1"}, {"_id": 1}),
    ({"p": "u1", "_id": {"$gt": "i"}}, {"_id": 1}),
    ({"$or": [{"p": "u1"}, {"f": False}]}, {"_id": 1}),
)

UNORDERED = (
    ({"_id": {"$in": ["i"]}}, {"a": 1}),
    ({"a": 1}, {"_id": 1}),
    ({"a": {"$gt": 1}}, {"b": 1}),
    ({"a": {"$in": [1, 2]}}, {"b": 1}),
    ({"x": 1}, {"z": -1}),
    ({"x": 1}, {"y": 1, "z": 1}),
    ({"h": 1}, {"_id": 1}),
    ({"h": {"$in": [1]}}, {"h": 1}),
    ({"p": "u1"}, {"a": 1}),
    ({"$or": [{"p": "u1"}, {"a": 1}]}, {"_id": 1}),
    ({"p": "u1", "$or": [{"_id": {"$gt": "i"}}, {"_id": {"$lt": "j"}, "a": 1}]}, {"_id": 1}),
)


@pytest.mark.parametrize(("where", "sort"), ORDERED, ids=str)
def test_a_sort_that_is_the_order_of_the_index_is_carried(
    where: dict[str, Any], sort: dict[str, int]
) -> None:
    assert judged(where, **sort)


@pytest.mark.parametrize(("where", "sort"), UNORDERED, ids=str)
def test_a_sort_of_what_comes_in_another_order_is_not(where: dict[str, Any], sort: dict[str, int]) -> None:
    assert not judged(where, **sort)


def test_all_documents_in_an_indexs_order_are_carried_as_far_as_a_limit() -> None:
    assert judged({}, limit=10, _id=1)
    assert not judged({}, _id=1)
    assert not judged({}, limit=10, nothing=1)


def found(command: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(str(query), is_carried(query, INDEXES)) for query in queries(command)]


def test_every_write_of_a_bulk_is_judged() -> None:
    for name, writes in (("update", "updates"), ("delete", "deletes")):
        assert found({name: "c", writes: [{"q": {"_id": "i"}}, {"q": {"b": 1}}]}) == [
            (f"{name} c {{'_id': '?'}}", True),
            (f"{name} c {{'b': '?'}}", False),
        ]


WITH_A_QUERY = (
    {"count": "c", "query": {"b": 1}},
    {"distinct": "c", "key": "a", "query": {"b": 1}},
    {"findAndModify": "c", "query": {"b": 1}, "update": {}},
    {"findAndModify": "c", "query": {"a": 1}, "sort": {"nothing": 1}, "update": {}},
    {"find": "c"},
    {"find": "c", "filter": {"a": "x"}, "collation": {"locale": "de"}},
    {"update": "c", "updates": [{"q": {"a": "x"}, "u": {}, "collation": {"locale": "de"}}]},
    {"aggregate": "c", "pipeline": []},
    {"aggregate": "c", "pipeline": [{"$match": {"b": 1}}]},
    {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$sort": {"nothing": 1}}]},
    {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$project": {}}, {"$sort": {"b": 1}}]},
    {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$lookup": {"from": "others"}}]},
    {"aggregate": "c", "pipeline": [{"$project": {"a": 1}}, {"$match": {"a": 1}}]},
    {"mapReduce": "c"},
    {"a command of tomorrow": "c"},
)


@pytest.mark.parametrize("command", WITH_A_QUERY, ids=str)
def test_every_command_that_looks_for_documents_is_judged(command: dict[str, Any]) -> None:
    assert [carried for _, carried in found(command)] == [False]


def test_the_first_stages_of_a_pipeline_are_served_by_an_index() -> None:
    stages = [{"$match": {"a": 1}}, {"$sort": {"b": 1}}, {"$limit": 3}, {"$project": {}}]
    assert found({"aggregate": "c", "pipeline": stages}) == [
        ("aggregate c {'a': '?'} sorted by {'b': 1}", True)
    ]


def test_what_looks_for_nothing_is_not_judged() -> None:
    assert found({"insert": "c", "documents": []}) == found({"getMore": 1}) == found({}) == []


def test_an_index_of_another_collection_carries_nothing() -> None:
    assert not is_carried(Query("find", "d", {"a": 1}), INDEXES)


def test_a_query_is_told_by_its_shape_without_values() -> None:
    where = {"p": "secret", "$or": [{"a": {"$in": ["x"]}}, {"b": ["y"]}]}
    said = str(Query("find", "c", where, (("_id", -1),)))
    assert said == ("find c {'p': '?', '$or': [{'a': {'$in': '?'}}, {'b': '?'}]} sorted by {'_id': -1}")
