"""Batched write of one group commit: one find, one bulk of records, one bulk of heads.

`database` is motor's; the driver's errors leave here as they are, except those of a bulk that some
of its writes did not come through.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from schemas.errors import Unavailable
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from streams.adapters.mongo import documents, errors
from streams.adapters.mongo.documents import Document, StoredHead
from streams.ports import Change

Outcome = Kept | Stale | Exception
Write = ReplaceOne[Any] | UpdateOne


@dataclass(frozen=True, slots=True)
class Call:
    """One `apply`, on its way into a round."""

    image_id: str
    change: Change
    record: ScoreRecord | None


class Fold:
    """The head of one image through the calls of one round; `token` marks the round's write."""

    def __init__(self, image_id: str, stored: StoredHead | Exception | None, *, token: int) -> None:
        self.image_id = image_id
        self.records: dict[tuple[str, ...], UpdateOne] = {}
        """What joins the history, by its key; of two alike the first."""
        self._stored = stored
        self._head: ImageHead | None = stored.head if isinstance(stored, StoredHead) else None
        self._token = token
        self._document: RawBSONDocument | None = None

    def add(self, call: Call) -> Outcome:
        """What the call answers, if this round's write is the one that takes."""
        if isinstance(self._stored, Exception):
            return self._stored
        try:
            return self._changed(call, self._stored)
        except Exception as error:  # noqa: BLE001 - it is this call's alone
            return error

    @property
    def is_insert(self) -> bool:
        """Whether the image was unknown."""
        return self._stored is None

    def write(self) -> Write | None:
        """The write of the head, which takes if nobody has written since it was read; None if it stays."""
        if self._document is None:
            return None
        if not isinstance(self._stored, StoredHead):
            return UpdateOne({"_id": self.image_id}, {"$setOnInsert": self._document}, upsert=True)
        return ReplaceOne({"_id": self.image_id, "token": self._stored.token}, self._document)

    def _changed(self, call: Call, stored: StoredHead | None) -> Kept | Stale:
        outcome = call.change(self._head)
        is_refused = call.record and outcome.head.refuses(call.record.position)
        record = _insertion(call.record) if call.record and not is_refused else None
        if isinstance(outcome, Kept) and outcome.head is not self._head:
            self._document = documents.of_head(outcome.head, token=self._token, before=stored)
            self._head = outcome.head
        if record and call.record:
            self.records.setdefault(tuple(documents.key_of(call.record).values()), record)
        return outcome


def _insertion(record: ScoreRecord) -> UpdateOne:
    """A write that changes nothing where the record is there already."""
    # The image's id beside the key, since it is what the collection is sharded by.
    where: Document = {"_id": documents.key_of(record), "image_id": record.image_id}
    return UpdateOne(where, {"$setOnInsert": documents.of_record(record)}, upsert=True)


Missed = Mapping[str, Unavailable | None]
"""The images whose write did not take, and why; None where somebody else was first."""


async def stored(image_ids: Collection[str], database: Any) -> Mapping[str, StoredHead | Exception]:  # noqa: ANN401
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
        if not errors.is_lost_race(error):
            has, why = await _recorded(folds, scores), errors.unavailable(error)
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
        why = None if errors.is_lost_race(error) else errors.unavailable(error)
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


def _decoded(document: Document) -> StoredHead | Exception:
    try:
        return StoredHead.of(document)
    except Exception as error:  # noqa: BLE001 - one spoiled document is its own callers' trouble alone
        return error
