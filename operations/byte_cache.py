"""LRU cache bounded in bytes, whose entries also end by themselves: nothing stays in memory for ever."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class ByteCache(Generic[K]):
    """The event loop's thread only."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._kept: OrderedDict[K, bytes] = OrderedDict()
        self._ends: dict[K, asyncio.TimerHandle] = {}
        self.size = 0
        """Bytes."""

    def get(self, key: K) -> bytes | None:
        """What is kept; from now on it is the last to go for want of room."""
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: K, data: bytes) -> None:
        """Keep it, for so many seconds at most; what was asked for least lately makes room."""
        self.drop(key)
        self._kept[key] = data
        self.size += len(data)
        self._ends[key] = asyncio.get_running_loop().call_later(self._seconds, self.drop, key)
        while self.size > self._most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Have it no more; nothing where it is not here."""
        if (data := self._kept.pop(key, None)) is not None:
            self.size -= len(data)
            self._ends.pop(key).cancel()

    def drop_where(self, is_meant: Callable[[K], bool]) -> None:
        """Have none of those any more."""
        for key in [each for each in self._kept if is_meant(each)]:
            self.drop(key)
