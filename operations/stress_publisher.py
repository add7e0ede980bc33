"""Open-loop publisher: each photograph at its time, whatever became of the ones before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from operations.stress_ledger import StressLedger
from operations.stress_photographs import StressPhotograph
from operations.uploader import RESTAURANT_METADATA, EventPublisher, Storage
from schemas.errors import TagstreamError
from schemas.uploads import ImageUploaded, Location

RESTAURANT: Final = "tagstream-stress"
"""Whose photographs they are: an operator can tell them by it."""

MOST_UNDER_WAY: Final = 512
"""Photographs between their beginning and the broker's answer; one beyond that begins late, and counts so."""


@dataclass(frozen=True, slots=True)
class StressKeys:
    """Where the photographs of one run lie."""

    bucket: str
    prefix: str
    run: str

    def location(self, name: int | str, suffix: str = ".jpg") -> Location:
        """That of one photograph."""
        return Location(bucket=self.bucket, key=f"{self.prefix}/{self.run}/{name}{suffix}")


class OpenLoop:
    """Publishes at a rate. Times are reckoned from the first photograph, never from another."""

    def __init__(
        self,
        storage: Storage,
        events: EventPublisher | None,
        *,
        pool: Sequence[StressPhotograph],
        keys: StressKeys,
        ledger: StressLedger,
    ) -> None:
        self._storage = storage
        self.events = events
        """None where storage announces by itself."""
        self._pool = pool
        self._keys = keys
        self._ledger = ledger
        self._slots = asyncio.Semaphore(MOST_UNDER_WAY)
        self.refusals: list[str] = []
        """Why photographs could not be published, each cause once."""

    async def publish(self, rate: float, seconds: float, *, is_over: Callable[[], bool]) -> None:
        """All of them; returns when each is acknowledged, or refused."""
        clock = asyncio.get_running_loop().time
        begin = clock()
        async with asyncio.TaskGroup() as tasks:
            for place in range(max(1, round(rate * seconds))):
                due = begin + place / rate
                await asyncio.sleep(max(0.0, due - clock()))
                await self._slots.acquire()
                if is_over():
                    return
                tasks.create_task(self._one(self._ledger.add(due, now=clock())))

    async def probe(self) -> Location:
        """Put one more photograph and tell nobody of it; where it lies."""
        return await self._put("probe", 0)

    def location(self, number: int) -> Location:
        """Where the photograph of that number lies."""
        return self._keys.location(number, self._pool[number % len(self._pool)].suffix)

    async def _one(self, number: int) -> None:
        try:
            await self._announce(number)
        except TagstreamError as error:
            self._ledger.unpublished(number)
            if str(error) not in self.refusals:
                self.refusals.append(str(error))
        else:
            self._ledger.published(number)
        finally:
            self._slots.release()

    async def _announce(self, number: int) -> None:
        stored = await self._put(number, number)
        if self.events is not None:
            facts = {"location": stored, "restaurant_id": RESTAURANT, "uploaded_at": datetime.now(UTC)}
            await self.events.publish(ImageUploaded.model_validate(facts))

    async def _put(self, name: int | str, number: int) -> Location:
        photograph = self._pool[number % len(self._pool)]
        data = photograph.copy(f"{self._keys.run} {name}")
        place = self._keys.location(name, photograph.suffix)
        return await self._storage.put(place, data, metadata={RESTAURANT_METADATA: RESTAURANT})
