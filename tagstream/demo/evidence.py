"""Evidence of a run: the topics read back as a consumer would, and the store."""

from __future__ import annotations

import asyncio

from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tagstream.demo.accounting import TOPICS, RunEvidence


async def gather(bootstrap: str, scores: SqliteScores) -> RunEvidence:
    """Everything that there is now; nothing must be running any more."""
    heads = {head.image_id: head async for head in every_head(scores)}
    histories = await asyncio.gather(*(scores.records(image_id) for image_id in heads))
    messages = {topic: await read_all(bootstrap, topic) for topic in TOPICS}
    return RunEvidence(heads, dict(zip(heads, histories, strict=True)), messages)
