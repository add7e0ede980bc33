"""Jobs in MongoDB: a document each, by its id; see `revised_documents`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob, job_in, state_in
from streams.adapters.mongo.revised_documents import RevisedDocuments

JOBS: Final = RevisedDocuments[RescoreJob, SpoiledJob](job_in)


async def states(job_ids: Collection[str], collection: Any) -> Mapping[str, RescoreState]:  # noqa: ANN401
    """Where those stand that are known."""
    found = await collection.find({"_id": {"$in": list(job_ids)}}, {"state": 1}).to_list(None)
    return {each["_id"]: state_in(each) for each in found}
