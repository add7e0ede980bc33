"""Checks of reading: every codec, every partition, nothing deleted unread, and the letters of gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import messages
from operations.unwell import Unwell
from schemas import topics
from schemas.errors import Expired, UnreadableBatch
from streams.adapters.kafka import unread
from streams.adapters.kafka.coverage import Standing, coverage, standings
from streams.adapters.kafka.reader import newest
from streams.message import Message

LATELY: Final = timedelta(days=1)
"""Letters that are older are known to whoever wanted to know."""

_NEWEST: Final = 1000
"""Letters of a partition that are looked at."""

_GAPS: Final = frozenset({Expired.code, UnreadableBatch.code})
_LETTERS: Final = (
    "`tagstream dlq list`, and docs/operations.md, Records are gone unread: have the producers of that time "
    "say again what they said"
)


async def codecs() -> str:
    """What producers may compress with."""
    if missing := unread.missing_codecs():
        raise Unwell(
            f"batches of these codecs cannot be read: {', '.join(missing)}",
            "install `cramjam` (aiokafka's extras snappy, lz4 and zstd bring it), and restart the workers",
        )
    return f"{', '.join(unread.CODECS)} can be read"


async def covered(config: Settings) -> str:
    """Every topic that workers read is there, and each partition of it is somebody's."""
    found = await coverage(kafka_connection(config), config.kafka.group, topics.INBOUND)
    if words := found.words():
        raise Unwell(
            words,
            "missing topics: `tagstream topics apply`; added partitions are taken up within "
            f"{config.kafka.metadata_age:g} s (TAGSTREAM_KAFKA__METADATA_AGE): look again",
        )
    return f"nothing of the {len(topics.INBOUND)} topics that workers read is left out"


async def nothing_gone(config: Settings) -> str:
    """Nothing was deleted before the group had read it, and no letter of the last day tells of it."""
    brokers = kafka_connection(config)
    found = await standings(brokers, config.kafka.group, topics.INBOUND)
    if said := [*_gone(found), *_beyond(found)]:
        raise Unwell("; ".join(said), _LETTERS)
    since = datetime.now(UTC) - LATELY
    lately = [letter async for letter in _letters(config) if (letter.timestamp or since) >= since]
    if lately:
        said = [messages.explanation(letter) for letter in lately]
        more = f", and {len(said) - 1} letters more" if len(said) > 1 else ""
        raise Unwell(f"within a day: {said[-1]}{more}", _LETTERS)
    return "the group has read whatever was deleted; no letter of the last day says otherwise"


def _gone(found: tuple[Standing, ...]) -> list[str]:
    return [
        f"{each.gone} offsets of {each.topic}, partition {each.partition}, were deleted before the group "
        f"read them (it has committed {each.committed or 'nothing'}, the log begins at {each.beginning})"
        for each in found
        if each.gone and (each.committed is not None or each.end > each.beginning)
    ]


def _beyond(found: tuple[Standing, ...]) -> list[str]:
    return [
        f"the group has committed {each.committed} of {each.topic}, partition {each.partition}, which ends "
        f"at {each.end}: the topic was made again; a worker begins at its oldest record"
        for each in found
        if each.is_beyond
    ]


async def _letters(config: Settings) -> AsyncIterator[Message]:
    """The newest letters of gaps."""
    async for letter in newest(kafka_connection(config), topics.DEAD_LETTERS, most=_NEWEST):
        if messages.code(letter) in _GAPS:
            yield letter
