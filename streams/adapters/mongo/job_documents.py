"""Jobs in MongoDB: a document each, by its id, replaced only where it still has the revision that was read.

`collection` is motor's; the driver's errors leave here as they are, except that somebody else was first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError

from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob, job_in, state_in
from streams.adapters.mongo import documents
from streams.adapters.mongo.documents import Document


async def create(job: RescoreJob, collection: Any) -> bool:  # noqa: ANN401
    """Add the job, unless one of its id is there."""
    try:
        added = await collection.update_one(
            {"_id": job.id}, {"$setOnInsert": documents.of_value(job)}, upsert=True
        )
    except DuplicateKeyError:  # two at once
        return False
    return added.upserted_id is not None


async def replace(job: RescoreJob, collection: Any, *, over: int) -> bool:  # noqa: ANN401
    """Compare and swap."""
    swapped = await collection.replace_one({"_id": job.id, "revision": over}, documents.of_value(job))
    return bool(swapped.matched_count)


async def find(job_id: str, collection: Any) -> RescoreJob | SpoiledJob | None:  # noqa: ANN401
    """The job of that id."""
    found = await collection.find_one({"_id": job_id})
    return None if found is None else _job(found)


async def every(collection: Any) -> tuple[RescoreJob | SpoiledJob, ...]:  # noqa: ANN401
    """All of them, by id."""
    found = await collection.find({"_id": {"$gt": ""}}).sort("_id", 1).to_list(None)
    return tuple(map(_job, found))


async def states(job_ids: Collection[str], collection: Any) -> Mapping[str, RescoreState]:  # noqa: ANN401
    """Where those stand that are known."""
    found = await collection.find({"_id": {"$in": list(job_ids)}}, {"state": 1}).to_list(None)
    return {each["_id"]: state_in(each) for each in found}


def _job(document: Document) -> RescoreJob | SpoiledJob:
    return job_in(str(document["_id"]), documents.facts_in(document))
