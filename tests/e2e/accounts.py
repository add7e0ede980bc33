"""What a scenario left behind, and whether everything is accounted for."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from agents.wiring.settings import StoreSettings
from agents.wiring.stores import open_store
from schemas import topics
from schemas.errors import Unavailable
from streams.adapters.kafka.connection import PARTITIONS
from streams.adapters.kafka.consumer import groupless, mapped
from streams.adapters.kafka.reader import read_all
from streams.message import Message
from streams.ports import STORE, ScoreStore
from streams.scanning import every_head
from tests.e2e.traffic import Sent

OURS = [TopicPartition(topics.UPLOADED, number) for number in range(PARTITIONS)]
ANSWER_SECONDS = 30.0
UNREPEATABLE = {"scored_at", "seconds", "flagged_at"}
"""Fields that only a clock says: of the run, not of the image."""


def opened(store: Path | StoreSettings) -> AbstractAsyncContextManager[ScoreStore]:
    """The workers' store, seen from here: a SQLite file, or wherever the settings say."""
    return open_store(StoreSettings(path=store) if isinstance(store, Path) else store)


@dataclass
class Outcome:
    """Everything that a run left: documents, events and dead letters, without what no two runs share."""

    heads: dict[str, Any]
    records: dict[str, Any]
    event_ids: dict[tuple[str, str], frozenset[str]]
    """Distinct event ids by (topic, image_id); those of the statements that the store has under `store`."""
    letters: frozenset[tuple[int, int, str]]
    """Partition, offset and cause of the dead letters."""
    published: dict[str, int] = field(compare=False, default_factory=dict)


async def committed(bootstrap: str, group: str = "tagstream") -> dict[int, int]:
    """The group's committed offsets by partition; 0 where there is none."""
    return {place: offset or 0 for place, offset in (await _committed(bootstrap, group)).items()}


async def _committed(bootstrap: str, group: str) -> dict[int, int | None]:
    async with groupless(bootstrap, seconds=ANSWER_SECONDS, offsets_of=group) as consumer:
        consumer.assign(OURS)
        with mapped("what was committed"):
            return {tp.partition: await consumer.committed(tp) for tp in OURS}


def source(letter: Message) -> tuple[int, int]:
    headers = dict(letter.headers)
    return (
        int(headers["__connect.errors.partition"]),
        int(headers["__connect.errors.offset"]),
    )


async def outcome(bootstrap: str, store: Path | StoreSettings) -> Outcome:
    async with opened(store) as scores:
        heads = {head.image_id: head.model_dump(exclude=UNREPEATABLE) async for head in every_head(scores)}
        records = {image_id: await scores.records(image_id) for image_id in heads}
        stated = await scores.statements(limit=100_000)
    histories = {
        image_id: [record.model_dump(exclude=UNREPEATABLE) for record in history]
        for image_id, history in records.items()
    }
    event_ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    published = {}
    for topic in (topics.TAGGED, topics.LATEST, topics.MODERATION, topics.AMBIANCE, topics.STATEMENTS):
        events = await read_all(bootstrap, topic)
        published[topic] = len(events)
        for event in (json.loads(event.value or b"") for event in events):
            event_ids[topic, event["image_id"]].add(event["event_id"])
    for each in stated:
        event_ids[STORE, each.image_id].add(each.puid)
    letters = await read_all(bootstrap, topics.DEAD_LETTERS)
    published[topics.DEAD_LETTERS] = len(letters)
    causes = frozenset(
        (*source(letter), dict(letter.headers)["__connect.errors.code"].decode()) for letter in letters
    )
    distinct = {place: frozenset(ids) for place, ids in event_ids.items()}
    return Outcome(heads, histories, distinct, causes, published)


async def finished(bootstrap: str, store: Path | StoreSettings) -> Callable[[Sent], bool]:
    """Whether a message has come to its end: its image's verdict announced, or its letter written."""
    letters = {source(letter) for letter in await read_all(bootstrap, topics.DEAD_LETTERS)}
    async with opened(store) as scores:
        heads = {head.image_id: head async for head in every_head(scores)}

    def has_ended(sent: Sent) -> bool:
        if sent.is_bad:
            return (sent.partition, sent.offset) in letters
        assert sent.upload is not None
        head = heads.get(sent.upload.image_id)
        return (
            head is not None
            and head.announced is not None
            and head.announced.position.uploaded_at >= sent.upload.uploaded_at
        )

    return has_ended


class Auditor:
    """Watches the committed offsets while a scenario runs: none may pass an unfinished message."""

    def __init__(self, bootstrap: str, store: Path | StoreSettings, sent: list[Sent]) -> None:
        self._bootstrap = bootstrap
        self._store = store
        self._sent = sent
        self.audits = 0
        self.offsets: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)

    @property
    def is_done(self) -> bool:
        """Whether everything that was sent is committed."""
        return all(message.offset < self.offsets[message.partition] for message in self._sent)

    async def audit(self) -> None:
        """Look once.

        Raises:
            Unavailable: The broker or the store did not answer, or the broker knows nothing of partitions
                that were committed before.
        """
        # First the offsets, then the ends: what was committed then must have ended by now.
        offsets = await self._known()
        has_ended = await finished(self._bootstrap, self._store)
        for message in self._sent:
            if message.offset < offsets[message.partition]:
                assert has_ended(message), f"committed past an unfinished message: {message}"
        for partition, offset in offsets.items():
            before = self.offsets[partition]
            assert offset >= before, f"{partition}: the committed offset went back from {before} to {offset}"
        self.offsets = offsets
        self.audits += 1

    async def _known(self) -> dict[int, int]:
        """What is committed, from a broker that has its groups in mind.

        Frozen for longer than its own session, Apache Kafka elects itself anew, and says meanwhile that
        the group has committed nothing: which is no offset, where one that went back is a lower one.
        """
        offsets = await _committed(self._bootstrap, "tagstream")
        unknown = [place for place, offset in offsets.items() if offset is None and self.offsets[place]]
        if unknown:
            raise Unavailable("broker", f"the broker has not read yet what was committed of {unknown}")
        return {place: offset or 0 for place, offset in offsets.items()}

    async def until_done(self, within: float, *, every: float = 1.0) -> None:
        deadline = time.monotonic() + within
        while not self.is_done:
            assert time.monotonic() < deadline, f"not all accounted for: committed {self.offsets}"
            with suppress(Unavailable):  # a broker that comes back says nothing for a moment
                await self.audit()
            await asyncio.sleep(every)
