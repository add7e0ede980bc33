"""Workers in MongoDB: a document each, by its id, with what it says of itself.

`collection` is motor's; the driver's errors leave here as they are.
"""

from __future__ import annotations

from typing import Any

from schemas.worker_states import WorkerState
from streams.adapters.mongo import documents


async def note(state: WorkerState, collection: Any) -> None:  # noqa: ANN401
    """In place of what it said before."""
    await collection.replace_one({"_id": state.id}, documents.of_value(state), upsert=True)


async def forget(worker_id: str, collection: Any) -> None:  # noqa: ANN401
    """Delete it."""
    await collection.delete_one({"_id": worker_id})


async def every(collection: Any) -> tuple[WorkerState, ...]:  # noqa: ANN401
    """All of them, by id."""
    found = await collection.find({"_id": {"$gt": ""}}).sort("_id", 1).to_list(None)
    return tuple(WorkerState.model_validate(documents.facts_in(each)) for each in found)
