"""What a test finds in the store and on the topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from agents.wiring.stores import open_store
from schemas import topics
from schemas.identity import image_id
from schemas.records import ImageHead, ScoreRecord
from streams.adapters.kafka.reader import read_all
from streams.message import Message
from streams.scanning import every_head
from tests.real.premises import Premises

WITHIN = 200.0
"""Seconds for anything that is waited for, on a machine that is busy with other things."""

Event = dict[str, Any]


class Findings:
    """Of one test's premises."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def until(self, key: str, holds: Callable[[ImageHead], bool] = bool) -> ImageHead:
        """The head of the object `key` once it is announced and `holds`."""
        found = await self.all_until([key], holds)
        return found[key]

    async def all_until(
        self, keys: Sequence[str], holds: Callable[[ImageHead], bool] = bool
    ) -> dict[str, ImageHead]:
        """Those of several, by key, once all are announced and hold."""
        keys_of = {self.image(key): key for key in keys}
        async with open_store(self._premises.store) as scores, asyncio.timeout(WITHIN):
            while True:
                heads = await scores.heads(keys_of)
                found = {keys_of[image]: head for image, head in heads.items()}
                if len(found) == len(keys_of) and all(
                    head.is_announced and holds(head) for head in found.values()
                ):
                    return found
                await asyncio.sleep(0.2)

    async def heads(self) -> dict[str, ImageHead]:
        """Every head, by the key of its object."""
        async with open_store(self._premises.store) as scores:
            return {head.location.key: head async for head in every_head(scores)}

    async def history(self, key: str) -> tuple[ScoreRecord, ...]:
        """Every score ever made of the object."""
        async with open_store(self._premises.store) as scores:
            return await scores.records(self.image(key))

    async def scored_by(self, keys: Sequence[str]) -> dict[str, set[str]]:
        """The versions that have ever scored each object."""
        async with open_store(self._premises.store) as scores:
            return {
                key: {each.scores.model.version for each in await scores.records(self.image(key))}
                for key in keys
            }

    async def messages(self, topic: str) -> tuple[Message, ...]:
        """All of a topic."""
        return await read_all(self._premises.bootstrap, topic)

    async def said(self, topic: str, key: str) -> list[Event | None]:
        """What was said of an object on a topic, in order; None for a tombstone."""
        image = self.image(key)
        every = [
            (each, json.loads(each.value) if each.value else None) for each in await self.messages(topic)
        ]
        return [
            event
            for message, event in every
            if (event and event["image_id"] == image) or message.key == image.encode()
        ]

    async def notified(self) -> list[str]:
        """The keys that storage has spoken of, as it spelt them."""
        bodies = [json.loads(each.value or b"{}") for each in await self.messages(topics.UPLOADED)]
        return [each["s3"]["object"]["key"] for body in bodies for each in body.get("Records", ())]

    def image(self, key: str) -> str:
        return image_id(self._premises.bucket, key)
