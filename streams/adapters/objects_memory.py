"""In-memory object storage: a fake for tests, with a place for other tasks to run at each call."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from schemas.errors import Unavailable
from schemas.objects import Listed, StoredObject


class MemoryObjects:
    """A dictionary that behaves like a storage. It can be away, and break off in the middle of many puts."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        self.is_away = False
        self.asked: list[str] = []
        """Every call so far, as `get KEY`."""
        self._puts_left: int | None = None

    @contextmanager
    def dying_after(self, puts: int) -> Iterator[None]:
        """Whoever puts in the block gets that many puts through, then finds the storage away."""
        self._puts_left = puts
        try:
            yield
        finally:
            self._puts_left = None

    async def get(self, key: str) -> StoredObject | None:
        """See `Objects.get`."""
        await self._answer(f"get {key}")
        data = self.objects.get(key)
        return None if data is None else StoredObject(data, _etag(data))

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Objects.put_if_absent`."""
        await self._answer(f"put {key}")
        if key in self.objects:
            return False
        self._keep(key, data)
        return True

    async def put_if_match(self, key: str, data: bytes, *, etag: str) -> bool:
        """See `Objects.put_if_match`."""
        await self._answer(f"put {key}")
        if key not in self.objects or _etag(self.objects[key]) != etag:
            return False
        self._keep(key, data)
        return True

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        """See `Objects.list`."""
        await self._answer(f"list {prefix}")
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return tuple(Listed(key, len(self.objects[key]), self.modified[key]) for key in keys)

    def _keep(self, key: str, data: bytes) -> None:
        if self._puts_left is not None:
            if not self._puts_left:
                raise Unavailable("registry")
            self._puts_left -= 1
        self.objects[key] = data
        self.modified[key] = datetime.now(UTC)

    async def _answer(self, asked: str) -> None:
        self.asked.append(asked)
        # Other tasks get their turn before every answer, as they do over a network.
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("registry")


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
