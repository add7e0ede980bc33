"""What is heard of a stress run's photographs: tags, letters, and whether storage announces by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from operations.stress_ledger import StressLedger
from operations.tail import followed
from schemas import topics
from schemas.uploads import Location
from streams.adapters.kafka.connection import KafkaAddress
from streams.message import Message

HEARD_ON: Final = (topics.TAGGED, topics.RETRY, topics.DEAD_LETTERS, topics.PARKING)
"""Where the ends of photographs are told."""

PROBE_SECONDS: Final = 3.0
"""That storage has to announce a photograph; what comes later than that counts as a tag said once more."""


async def follow(messages: AsyncIterator[Message], run: str, ledger: StressLedger) -> None:
    """Enter what is heard of the run's photographs, for ever."""
    # Searched for and not parsed: whatever shape a letter has, the key stands in it, its slash spelt or not.
    named = re.compile(rb"%b(?:/|%%2[Ff])(\d+)\." % re.escape(run.encode()))
    clock = asyncio.get_running_loop().time
    async for message in messages:
        found = named.search(message.value or b"")
        if found is None:
            continue
        number, at = int(found[1]), clock()
        if message.topic == topics.TAGGED:
            ledger.tagged(number, at=at)
        elif message.topic == topics.RETRY:
            ledger.put_off(number, at=at)
        else:
            ledger.dead(number, at=at)


async def is_announced(brokers: KafkaAddress, put: Callable[[], Awaitable[Location]], run: str) -> bool:
    """Whether the uploads topic hears of what `put` puts, though nobody says so: storage announces then."""
    async with followed(brokers, (topics.UPLOADED,)) as messages:
        await put()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async for message in messages:
                    if run.encode() in (message.value or b""):
                        return True
        except TimeoutError:
            pass
        return False
