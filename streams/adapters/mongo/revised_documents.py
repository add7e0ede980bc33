"""Documents with revisions in MongoDB (compare and swap): each replaced only where it is as it was read.

`collection` is motor's; the driver's errors leave here as they are, except that somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pymongo.errors import DuplicateKeyError

from schemas.tags import Value
from streams.adapters.mongo import documents
from streams.adapters.mongo.documents import Document

Whole = TypeVar("Whole", bound=Value)
Spoiled = TypeVar("Spoiled")


@dataclass(frozen=True)
class RevisedDocuments(Generic[Whole, Spoiled]):
    """Of one kind, by their ids."""

    parse: Callable[[str, Any], Whole | Spoiled]
    """What the document of that id is, or what is wrong with it."""

    async def create(self, whole: Whole, collection: Any) -> bool:  # noqa: ANN401
        """Add it, unless one of its id is there."""
        stored = documents.of_value(whole)
        try:
            added = await collection.update_one({"_id": stored["id"]}, {"$setOnInsert": stored}, upsert=True)
        except DuplicateKeyError:  # two at once
            return False
        return added.upserted_id is not None

    async def replace(self, whole: Whole, collection: Any, *, over: int) -> bool:  # noqa: ANN401
        """Compare and swap."""
        stored = documents.of_value(whole)
        swapped = await collection.replace_one({"_id": stored["id"], "revision": over}, stored)
        return bool(swapped.matched_count)

    async def find(self, which: str, collection: Any) -> Whole | Spoiled | None:  # noqa: ANN401
        """The one of that id."""
        found = await collection.find_one({"_id": which})
        return None if found is None else self._in(found)

    async def every(self, collection: Any) -> tuple[Whole | Spoiled, ...]:  # noqa: ANN401
        """All of them, by id."""
        found = await collection.find({"_id": {"$gt": ""}}).sort("_id", 1).to_list(None)
        return tuple(map(self._in, found))

    def _in(self, document: Document) -> Whole | Spoiled:
        return self.parse(str(document["_id"]), documents.facts_in(document))
