"""Erasure in MongoDB: what of an erased photograph stands beside its head goes. `database` is motor's.

One by one and by the shard key: there are few documents of an image, and every server can do it.
"""

from __future__ import annotations

from typing import Any

from schemas.records import ImageHead
from streams.adapters.mongo import documents, statement_log
from streams.ports import Purged


async def purge(head: ImageHead, database: Any) -> Purged:  # noqa: ANN401 - motor stays in its own file
    """Delete the scores that the head refuses, and bare the statements that it redacts."""
    return Purged(await _delete(head, database.scores), await _bare(head, database.statements))


async def _delete(head: ImageHead, scores: Any) -> int:  # noqa: ANN401
    found = await scores.find({"image_id": head.image_id}, {"record": 1}).to_list(None)
    refused = [each["_id"] for each in found if head.refuses(documents.record_in(each).position)]
    for key in refused:
        await scores.delete_one({"_id": key, "image_id": head.image_id})
    return len(refused)


async def _bare(head: ImageHead, statements: Any) -> int:  # noqa: ANN401
    found = await statement_log.of_image(head.image_id, statements)
    bared = [(each, head.redacted(each)) for each in found if head.redacted(each) != each]
    for before, after in bared:
        where = {"_id": before.puid, "image_id": head.image_id}
        await statements.update_one(where, {"$set": {"statement": after.model_dump(mode="json")}})
    return len(bared)
