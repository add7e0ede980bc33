"""What is said of the indexes that a database has, beside those that are declared."""

from __future__ import annotations

from typing import Any

import pytest

from streams.adapters.mongo.index_states import BuiltIndex, FoundIndex, IndexState, compared
from streams.adapters.mongo.indexes import INDEXES, Index, Keys

WHOLE = next(index for index in INDEXES if not index.condition and not index.is_by_equality)
PARTIAL = next(index for index in INDEXES if index.condition)
EQUAL = next(index for index in INDEXES if index.is_by_equality)


def built(index: Index, *, keys: Keys | None = None, name: str | None = None, **options: Any) -> BuiltIndex:
    said = {"v": 2, "key": list(keys or index.keys), **options}
    return BuiltIndex.of(index.collection, name or index.name, said)


def of(index: Index, *there: BuiltIndex) -> FoundIndex:
    return next(each for each in compared(there) if each.index == index)


def test_nothing_is_there_of_an_empty_database() -> None:
    assert [each.standing for each in compared([])] == [IndexState.MISSING] * len(INDEXES)


def test_all_is_there_where_all_is_as_declared() -> None:
    all_built = [
        built(index, partialFilterExpression=dict(index.condition)) if index.condition else built(index)
        for index in INDEXES
    ]
    assert [each.standing for each in compared(all_built)] == [IndexState.THERE] * len(INDEXES)


def test_an_index_over_all_documents_carries_what_a_partial_one_does() -> None:
    assert of(PARTIAL, built(PARTIAL)).standing is IndexState.THERE


OTHERWISE = (
    {"partialFilterExpression": {"state": "visible"}},
    {"sparse": True},
    {"unique": True},
    {"hidden": True},
    {"collation": {"locale": "de"}},
    {"expireAfterSeconds": 60},
)


@pytest.mark.parametrize("options", OTHERWISE, ids=str)
@pytest.mark.parametrize("index", [WHOLE, PARTIAL, EQUAL], ids=lambda index: index.name)
def test_options_that_we_did_not_ask_for_differ_under_any_name(index: Index, options: dict[str, Any]) -> None:
    for name in (index.name, "by_hand"):
        found = of(index, built(index, name=name, **options))
        assert found.standing is IndexState.DIFFERS
        assert f'dropIndex("{name}")' in found.mend("tagstream")


def test_a_hashed_index_carries_equality_and_nothing_else() -> None:
    def hashed(index: Index) -> BuiltIndex:
        return built(index, keys=((index.keys[0][0], "hashed"),))

    assert of(EQUAL, hashed(EQUAL)).standing is IndexState.THERE
    ordered = next(index for index in INDEXES if index.name == "statements_in_order")
    assert of(ordered, hashed(ordered)).standing is IndexState.DIFFERS


def test_the_shard_key_beside_a_plain_index_is_not_foreign() -> None:
    key = built(EQUAL, keys=(("image_id", "hashed"),), name="image_id_hashed")
    (beside,) = compared([built(EQUAL), key])[len(INDEXES) :]
    assert (beside.standing, beside.index.why) == (IndexState.THERE, "the shard key")


def test_an_index_of_another_collection_is_not_there() -> None:
    elsewhere = BuiltIndex.of("people", EQUAL.name, {"key": list(EQUAL.keys)})
    assert of(EQUAL, elsewhere).standing is IndexState.MISSING
