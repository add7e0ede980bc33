"""Every query of the MongoDB store is carried by `_id` or a declared index.

`conftest.py` holds that after each test of this folder; here is that the listener sees every query of every
call, and that each index which the store needs is needed by one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from agents.erasure import erased
from schemas import topics
from streams.adapters.mongo.indexes import INDEXES, Index
from streams.adapters.mongo.store import MongoScores
from tests.mongo_queries import is_carried
from tests.query_watch import SeenQueries

from .builders import head, position, record, statement
from .mongo_server import MongoWireServer
from .stores import become, mongo_settings
from .test_api_keys import KEY_ID, api_key
from .test_batch_jobs import BATCH_ID, batch_job
from .test_rescore_jobs import job
from .test_rollouts import rollout
from .test_worker_states import state


@pytest.fixture
async def scores(mongo: MongoWireServer, seen_queries: SeenQueries) -> AsyncIterator[MongoScores]:
    assert not seen_queries.by_shape
    async with MongoScores(mongo_settings(mongo.url)) as store:
        yield store


PAGE = "'_id': {'$gt': '?'}} sorted by {'_id': 1}"
QUERIES = {
    "find images {'_id': '?'}",  # the ping
    "find images {'_id': {'$in': '?'}}",
    "find images {'_id': {'$in': '?'}, '$or': [{'token': '?'}, {'past': '?'}]}",
    f"find images {{'head.claims.storage.uploader_id': '?', {PAGE}",
    f"find images {{'head.claims.producer.uploader_id': '?', {PAGE}",
    f"find images {{'restaurant_id': '?', {PAGE}",
    f"find images {{'restaurant_id': '?', 'head.verdict.routes.topic': '?', {PAGE}",
    "find images {'head.erased.is_told': '?'} sorted by {'_id': 1}",
    f"find images {{{PAGE}",
    "update images {'_id': '?'}",
    "update images {'_id': '?', 'token': '?'}",
    "find scores {'image_id': '?'}",
    "find scores {'image_id': {'$in': '?'}}",
    "update scores {'_id': '?', 'image_id': '?'}",
    "delete scores {'_id': '?', 'image_id': '?'}",
    "find statements {'image_id': '?'}",
    "find statements {'place': {'$gt': '?'}} sorted by {'place': 1}",
    "find statements {'place': {'$gt': '?', '$lt': '?'}} sorted by {'place': 1}",
    "update statements {'_id': '?', 'image_id': '?'}",
    "update rescore_jobs {'_id': '?'}",
    "update rescore_jobs {'_id': '?', 'revision': '?'}",
    "find rescore_jobs {'_id': '?'}",
    "find rescore_jobs {'_id': {'$in': '?'}}",
    "update rollouts {'_id': '?'}",
    "update rollouts {'_id': '?', 'revision': '?'}",
    "find rollouts {'_id': '?'}",
    f"find rollouts {{{PAGE}",
    f"find rescore_jobs {{{PAGE}",
    "update api_keys {'_id': '?'}",
    "update api_keys {'_id': '?', 'revision': '?'}",
    "find api_keys {'_id': '?'}",
    f"find api_keys {{{PAGE}",
    "update batch_jobs {'_id': '?'}",
    "update batch_jobs {'_id': '?', 'revision': '?'}",
    "find batch_jobs {'_id': '?'}",
    f"find batch_jobs {{{PAGE}",
    "update workers {'_id': '?'}",
    "delete workers {'_id': '?'}",
    f"find workers {{{PAGE}",
}
"""All that the store asks; whoever adds one sees it here."""

RACES = {
    "find images {'_id': {'$in': '?'}, '$or': [{'token': '?'}, {'past': '?'}]}",
    "find scores {'image_id': {'$in': '?'}}",
}
"""Asked only where somebody else was first, or the server failed: `test_mongo_faults.py` has them."""


async def test_the_listener_sees_every_query_and_an_index_carries_it(
    scores: MongoScores, seen_queries: SeenQueries
) -> None:
    await every_call(scores)
    assert set(seen_queries.by_shape) == QUERIES - RACES
    assert seen_queries.uncarried == []


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
async def test_an_index_that_is_not_declared_leaves_a_query_that_nothing_carries(
    scores: MongoScores, seen_queries: SeenQueries, index: Index
) -> None:
    await every_call(scores)
    others = [each for each in INDEXES if each is not index]
    left = [shape for shape, query in seen_queries.by_shape.items() if not is_carried(query, others)]
    assert bool(left) is not index.is_for_people


async def test_a_query_that_nothing_carries_is_seen_with_its_shape(
    scores: MongoScores, seen_queries: SeenQueries
) -> None:
    async with scores._database() as database:
        await database.images.find({"state": "visible"}).sort("uploaded_at", -1).to_list(None)
    assert seen_queries.uncarried == ["find images {'state': '?'} sorted by {'uploaded_at': -1}"]
    seen_queries.by_shape.clear()


async def test_the_server_itself_reads_by_an_index(scores: MongoScores, seen_queries: SeenQueries) -> None:
    """Asked of its planner, where it has one that tells."""
    await every_call(scores)
    async with scores._database() as database:
        for query in [each for each in seen_queries.by_shape.values() if each.command == "find"]:
            asked = {"find": query.collection, "filter": query.where, "sort": dict(query.sort)}
            plan = stages(await explained(database, asked))
            assert plan, query
            assert not plan & {"COLLSCAN", "SORT"}, query


async def explained(database: Any, command: dict[str, Any]) -> Any:
    try:
        said = await database.command("explain", command, verbosity="queryPlanner")
    except OperationFailure as error:
        pytest.skip(f"the server explains nothing: {error.details}")
    return said["queryPlanner"]["winningPlan"]


def stages(plan: Any) -> set[str]:
    """The names of the stages, however deep: by shard, by branch, by engine."""
    if isinstance(plan, Mapping):
        own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
        return own.union(*map(stages, plan.values()))
    return set().union(*map(stages, plan)) if isinstance(plan, list) else set()


async def every_call(scores: MongoScores) -> None:
    """Each method of the store, so that each of its queries is sent."""
    first = head(position(1))
    await scores.apply_indexes()
    await scores.ping()
    await scores.apply("img_a", become(first), record(first))
    await scores.apply("img_a", become(head(position(2))))
    await scores.apply("img_a", erased("img_a", at=position(3).uploaded_at))
    await scores.head("img_a")
    await scores.heads(["img_a", "img_b"])
    await scores.keep_statements([statement(1, puid="p1", image="img_a")])
    await scores.purge("img_a")
    await scores.of_uploader("u1")
    await scores.of_restaurant("r1")
    await scores.of_restaurant("r1", topic=topics.AMBIANCE)
    await scores.unfinished_erasures()
    await scores.scan()
    await scores.records("img_a")
    await scores.statements()
    await scores.statements(before="9")
    await scores.statements_of("img_a")
    await scores.create_job(job())
    await scores.replace_job(job(), over=0)
    await scores.job("replay-1")
    await scores.jobs()
    await scores.job_states(["replay-1"])
    await scores.create_rollout(rollout())
    await scores.replace_rollout(rollout(), over=0)
    await scores.rollout("rollout-1")
    await scores.rollouts()
    await scores.create_key(api_key())
    await scores.replace_key(api_key(), over=0)
    await scores.key(KEY_ID)
    await scores.keys()
    await scores.create_batch(batch_job())
    await scores.replace_batch(batch_job(), over=0)
    await scores.batch(BATCH_ID)
    await scores.batches()
    await scores.note_worker(state())
    await scores.workers()
    await scores.forget_worker("nobody")
    await scores.indexes()
