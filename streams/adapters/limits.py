"""Image store limits: buckets off the allow-list and objects above the cap are refused."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from schemas.addresses import BUCKET
from schemas.errors import NotAllowed, TooLarge
from schemas.settings import Section
from schemas.uploads import Location


def _listed(given: object) -> object:
    """A JSON list out of the environment. Not pydantic-settings' own: its error names no variable."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise ValueError('a JSON list is wanted, as in ["photos"]') from error


class Limits(Section):
    """Which buckets may be read, and how many bytes of one object."""

    buckets: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="Buckets that events may name, as a JSON list; nothing else is ever read"
    )
    """An event cannot make the worker read anything else; empty allows nothing."""
    max_object_bytes: int = Field(64 * 2**20, ge=1, description="A larger object is dead-lettered")

    @field_validator("buckets")
    @classmethod
    def _names(cls, buckets: tuple[str, ...]) -> tuple[str, ...]:
        for bucket in buckets:
            if not BUCKET.fullmatch(bucket):
                raise ValueError(f"{bucket!r} is not a bucket's name (of an access point, take the alias)")
        return buckets

    def allow(self, location: Location) -> None:
        """Raise `NotAllowed` when the location's bucket is off the list."""
        if location.bucket not in self.buckets:
            raise NotAllowed(f"bucket {location.bucket!r} is not on the allow-list")

    def admit(self, location: Location, size: int) -> None:
        """Raise `TooLarge` when `size` bytes of the object are more than the cap."""
        if size > self.max_object_bytes:
            raise TooLarge(f"{location} has {size} bytes or more; the cap is {self.max_object_bytes}")
