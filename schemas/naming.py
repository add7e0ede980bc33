"""Key naming: how a storage spells its keys, and what a key says of its object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

from pydantic import Field, field_validator

from schemas.settings import Section

GROUPS: Final[Mapping[str, str]] = {"restaurant": "restaurant_id", "uploader": "uploader_id"}
"""The named groups that a key pattern may have, and the fact that each says."""


class Keys(StrEnum):
    """How the keys in S3 notifications are spelt."""

    AUTO = "auto"
    """As whoever emitted them spells them (see `schemas.wire.s3`)."""
    ENCODED = "encoded"
    """URL-encoded, with `+` for a space: AWS, MinIO."""
    RAW = "raw"
    """As they are: versitygw."""


class Naming(Section):
    """How storage's own notifications are read."""

    keys: Keys = Field(Keys.AUTO, description="How S3 notifications spell keys: auto, encoded or raw")
    key_pattern: str | None = Field(
        None,
        description="Regular expression whose groups `restaurant` and `uploader` say whose a key is,"
        " as in ^(?P<restaurant>[^/]+)/",
    )
    """Searched for in an object's key."""

    @field_validator("key_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(pattern)
        return pattern

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return compiled(self.key_pattern) if self.key_pattern else None

    def facts(self, key: str) -> dict[str, str]:
        """What `key` says of its object, by the field of `ImageUploaded` that says it."""
        found = self._pattern.search(key) if self._pattern else None
        groups = found.groupdict() if found else {}
        return {fact: groups[group] for group, fact in GROUPS.items() if groups.get(group)}


def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern`, ready for a `Naming`; raises `ValueError` that says what is wrong with it."""
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not GROUPS.keys() & made.groupindex.keys():
        raise ValueError("it has neither a group (?P<restaurant>...) nor (?P<uploader>...)")
    return made
