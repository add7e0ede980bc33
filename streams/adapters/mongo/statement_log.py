"""Append-only log of the statements of reasons: a document each, which is added once and never written again.

`collection` is motor's; the driver's errors leave here as they are, except those of a lost race.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from schemas.errors import Rejected
from schemas.statements import StatementOfReasons
from streams.adapters.mongo import documents, errors
from streams.adapters.mongo.documents import Document


async def add(
    calls: Sequence[Sequence[StatementOfReasons]],
    collection: Any,  # noqa: ANN401 - motor's
) -> list[Rejected | None]:
    """Add those whose puid is not there yet, in one write; of each call why it cannot be kept, or None."""
    prepared = [_insertions(statements) for statements in calls]
    writes = [one for each in prepared if not isinstance(each, Rejected) for one in each]
    try:
        if writes:
            await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        if not errors.is_lost_race(error):  # somebody else stated the same: it is there
            raise
    return [each if isinstance(each, Rejected) else None for each in prepared]


async def between(
    after: str,
    before: str | None,
    collection: Any,  # noqa: ANN401
    *,
    limit: int,
) -> tuple[StatementOfReasons, ...]:
    """The next statements between two places, in order."""
    places = {"$gt": after} | ({"$lt": before} if before is not None else {})
    found = collection.find({"place": places}, {"statement": 1}, batch_size=limit)
    page = await found.sort("place", 1).limit(limit).to_list(None)
    return tuple(documents.statement_in(each) for each in page)


async def of_image(image_id: str, collection: Any) -> tuple[StatementOfReasons, ...]:  # noqa: ANN401
    """The image's statements, in order."""
    found = await collection.find({"image_id": image_id}, {"statement": 1}).to_list(None)
    return tuple(sorted(map(documents.statement_in, found), key=lambda each: each.place))


def _insertions(statements: Sequence[StatementOfReasons]) -> list[UpdateOne] | Rejected:
    try:
        return [_insertion(each) for each in statements]
    except Rejected as error:  # its caller's alone: the others' are kept
        return error


def _insertion(statement: StatementOfReasons) -> UpdateOne:
    """A write that changes nothing where the statement is there already."""
    # The image's id beside the puid, since it is what the collection is sharded by.
    where: Document = {"_id": statement.puid, "image_id": statement.image_id}
    return UpdateOne(where, {"$setOnInsert": documents.of_statement(statement)}, upsert=True)
