"""Image store limits: buckets off the allow-list and objects above the cap are refused."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import NotAllowed, TooLarge
from schemas.uploads import Location

MEBIBYTE: Final = 1024 * 1024


class Limits(BaseModel):
    """Which buckets may be read, and how many bytes of one object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_buckets: frozenset[str] = frozenset()
    """An event cannot make the worker read anything else; empty allows nothing."""
    max_object_bytes: int = Field(default=32 * MEBIBYTE, ge=1)

    def allow(self, location: Location) -> None:
        """Raise `NotAllowed` when the location's bucket is off the list."""
        if location.bucket not in self.allowed_buckets:
            raise NotAllowed(f"bucket {location.bucket!r} is not on the allow-list")

    def admit(self, location: Location, size: int) -> None:
        """Raise `TooLarge` when `size` bytes of the object are more than the cap."""
        if size > self.max_object_bytes:
            raise TooLarge(f"{location} has {size} bytes or more; the cap is {self.max_object_bytes}")
