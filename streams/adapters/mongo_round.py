"""What one round reads and writes: one find, one bulk of records, one bulk of heads.

`database` is motor's; the driver's errors leave here as they are, except those of a bulk that some
of its writes did not come through.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pymongo.errors import BulkWriteError

from schemas.errors import Unavailable
from schemas.records import Kept, Stale
from streams.adapters import mongo_errors
from streams.adapters.mongo_documents import Document, Stored
from streams.adapters.mongo_fold import Call, Fold, Write

Missed = Mapping[str, Unavailable | None]
"""The images whose write did not take, and why; None where somebody else was first."""


async def stored(image_ids: Collection[str], database: Any) -> Mapping[str, Stored | Exception]:  # noqa: ANN401
    """What is kept of each known image, or what is wrong with it."""
    wanted: Document = {"_id": {"$in": list(image_ids)}}
    fields = {"head": 1, "token": 1, "past": 1}
    found = database.images.find(wanted, fields, batch_size=len(image_ids) + 1)
    return {document["_id"]: _decoded(document) for document in await found.to_list(None)}


async def apply(calls: Sequence[Call], database: Any) -> Sequence[Kept | Stale | Exception | None]:  # noqa: ANN401
    """Each call's answer; None where somebody else wrote the image meanwhile."""
    token = secrets.randbits(63)
    image_ids = {call.image_id for call in calls}
    known = await stored(image_ids, database)
    folds = {each: Fold(each, known.get(each), token=token) for each in image_ids}
    answers = [folds[call.image_id].add(call) for call in calls]
    # The history first: a head without its record would never be scored again.
    missed = dict(await _add(folds.values(), database.scores))
    missed |= await _put(
        [fold for fold in folds.values() if fold.image_id not in missed], database.images, token
    )
    return [missed.get(call.image_id, answer) for call, answer in zip(calls, answers, strict=True)]


async def _add(folds: Collection[Fold], scores: Any) -> Missed:  # noqa: ANN401
    """Add the folds' records to the history; the images of those that it did not take."""
    insertions = [record for fold in folds for record in fold.records.values()]
    try:
        if insertions:
            await scores.bulk_write(insertions, ordered=False)
    except BulkWriteError as error:
        if not mongo_errors.is_lost_race(error):
            has, why = await _recorded(folds, scores), mongo_errors.unavailable(error)
            return {fold.image_id: why for fold in folds if not fold.records.keys() <= has}
    return {}


async def _recorded(folds: Collection[Fold], scores: Any) -> frozenset[tuple[str, ...]]:  # noqa: ANN401
    """The keys of all records of the folds' images."""
    image_ids = [fold.image_id for fold in folds if fold.records]
    found = await scores.find({"image_id": {"$in": image_ids}}, {"_id": 1}).to_list(None)
    return frozenset(tuple(document["_id"].values()) for document in found)


async def _put(folds: Collection[Fold], images: Any, token: int) -> Missed:  # noqa: ANN401
    """Write the folds' heads; the images whose write did not take."""
    writes = {fold: write for fold in folds if (write := fold.write())}
    why: Unavailable | None = None
    try:
        if not writes or await _all_take(writes, images):
            return {}
    except BulkWriteError as error:
        why = None if mongo_errors.is_lost_race(error) else mongo_errors.unavailable(error)
    image_ids = [fold.image_id for fold in writes]
    took = await _written_by(token, image_ids, images)
    return {image_id: why for image_id in image_ids if image_id not in took}


async def _all_take(writes: Mapping[Fold, Write], images: Any) -> bool:  # noqa: ANN401
    """Write, and say whether every write took."""
    result = await images.bulk_write(list(writes.values()), ordered=False)
    inserts = sum(fold.is_insert for fold in writes)
    # An insert that came too late counts as matched; then one is short among the upserted.
    return (result.upserted_count, result.matched_count) == (inserts, len(writes) - inserts)


async def _written_by(token: int, image_ids: Sequence[str], images: Any) -> frozenset[str]:  # noqa: ANN401
    """Those of the images that the write with this token did reach, also where others have written since."""
    ours: Document = {"_id": {"$in": image_ids}, "$or": [{"token": token}, {"past": token}]}
    found = await images.find(ours, {"_id": 1}, batch_size=len(image_ids) + 1).to_list(None)
    return frozenset(document["_id"] for document in found)


def _decoded(document: Document) -> Stored | Exception:
    try:
        return Stored.of(document)
    except Exception as error:  # noqa: BLE001 - one spoiled document is its own callers' trouble alone
        return error
