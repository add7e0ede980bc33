"""A topic from a place on, message by message: what `tagstream tail` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from rich.console import Console

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import messages
from schemas.errors import ConfigurationError
from streams.adapters.kafka.reader import Offsets, TopicReader
from streams.message import Message


class End(Enum):
    """The two ends of a topic."""

    EARLIEST = "earliest"
    LATEST = "latest"


Start = End | int | datetime
"""Where to begin: at one end, at an offset of every partition, or at a time."""

Write = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class TailRequest:
    """What is to be shown."""

    topic: str
    start: Start
    limit: int | None = None


def start(given: str) -> Start:
    """The beginning that `given` means; raises `ConfigurationError`."""
    if given in {end.value for end in End}:
        return End(given)
    if given.isascii() and given.isdigit():
        return int(given)
    return moment(given, option="--from", instead="earliest, latest, an offset, or ")


def moment(given: str, *, option: str, instead: str = "") -> datetime:
    """The time that `given` spells, this machine's zone where it names none; raises `ConfigurationError`."""
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{option} {given}: {instead}a time is wanted, as in 2026-11-22 or 2026-11-22T08:30:00+01:00"
        ) from None


async def tail(asked: TailRequest, config: Settings, write: Write) -> None:
    """Write what is there and what comes, until cancelled or the limit is reached."""
    async with TopicReader(kafka_connection(config), asked.topic) as reader:
        begin = await _offsets(reader, asked.start)
        shown = 0
        async for message in reader.follow(begin):
            write(message)
            shown += 1
            if shown == asked.limit:
                return


async def _offsets(reader: TopicReader, start: Start) -> Offsets:
    match start:
        case End.EARLIEST:
            return await reader.beginnings()
        case End.LATEST:
            return await reader.ends()
        case int():
            return dict.fromkeys(reader.partitions, start)
        case _:
            return await reader.offsets_for(start)


def write_line(message: Message, console: Console | None = None) -> None:
    """A line for people."""
    (console or Console(highlight=False)).print(messages.line(message), soft_wrap=True)


def write_json(message: Message) -> None:
    """A JSON object a line, at once."""
    sys.stdout.write(json.dumps(messages.document(message)) + "\n")
    sys.stdout.flush()
