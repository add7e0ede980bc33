"""Object storage port: objects by key with conditional puts, as the model registry needs them.

The port stands here since `model`, which asks, and `streams`, which answers, do not import each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

LARGEST: Final = 2**30
"""Bytes of one object. They travel in one piece and are held in memory whole; the largest backbone that we
know of has 0.6 GB of weights, and S3 takes 5 GB in one piece."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as it stands."""

    data: bytes = field(repr=False)
    etag: str
    """Differs from that of any other content."""


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """One object in a listing."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was put, with its zone."""


class Objects(Protocol):
    """A place for objects in which one writer of several wins for certain.

    Keys are relative: names separated by `/`. Every call raises `Unavailable` where the place is away, and
    `ConfigurationError` for an object of more than `LARGEST` bytes.
    """

    async def get(self, key: str) -> StoredObject | None:
        """The object, None where there is none."""

    async def put_if_absent(self, key: str, data: bytes) -> bool:
        """Keep `data` where nothing is; False where something is already. Durable when it returns."""

    async def put_if_match(self, key: str, data: bytes, *, etag: str) -> bool:
        """Replace the content that has this etag; False where another or none is there now. Durable too."""

    async def list(self, prefix: str) -> tuple[Listed, ...]:
        """Every object whose key begins with `prefix`, by key."""
