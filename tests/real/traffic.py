"""What people do to a bucket: photographs put, put again with other bytes, and deleted."""

from __future__ import annotations

import random

from tests.real.bucket import Bucket


class Traffic:
    """The same every time. Storage spreads what it says of one object over all partitions."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._dice = random.Random(5)
        self.standing: list[str] = []
        self.deleted: list[str] = []

    def flow(self, count: int) -> None:
        """So many changes to the bucket."""
        for _ in range(count):
            match self._dice.random():
                case luck if luck < 0.6 or not self.standing:
                    self._put(f"r{len(self.standing) % 3}/{len(self.standing) + len(self.deleted)}.jpg")
                case luck if luck < 0.9:
                    self._bucket.put(self._dice.choice(self.standing), self._dice.randbytes(64))
                case _:
                    self._delete(self._dice.choice(self.standing))

    def _put(self, key: str) -> None:
        self._bucket.put(key, self._dice.randbytes(64))
        self.standing.append(key)

    def _delete(self, key: str) -> None:
        self._bucket.delete(key)
        self.standing.remove(key)
        self.deleted.append(key)
