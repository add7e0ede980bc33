"""What one round makes of one image: the calls that came together, one after another, in one write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne

from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from streams.adapters import mongo_documents as documents
from streams.adapters.mongo_documents import Document, Stored
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

    def __init__(self, image_id: str, stored: Stored | Exception | None, *, token: int) -> None:
        self.image_id = image_id
        self.records: dict[tuple[str, ...], UpdateOne] = {}
        """What joins the history, by its key; of two alike the first."""
        self._stored = stored
        self._head: ImageHead | None = stored.head if isinstance(stored, Stored) else None
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
        if not isinstance(self._stored, Stored):
            return UpdateOne({"_id": self.image_id}, {"$setOnInsert": self._document}, upsert=True)
        return ReplaceOne({"_id": self.image_id, "token": self._stored.token}, self._document)

    def _changed(self, call: Call, stored: Stored | None) -> Kept | Stale:
        outcome = call.change(self._head)
        record = _insertion(call.record) if call.record else None
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
