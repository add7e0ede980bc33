"""Key naming: how a storage spells its keys, and what a key says of its object."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

from pydantic import Field, field_validator

from schemas.settings import Internal, Section

GROUPS: Final[Mapping[str, str]] = {"restaurant": "restaurant_id", "uploader": "uploader_id"}
"""The named groups that a key pattern may have, and the fact that each says."""


_SAYS_NOTHING: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""What storages say where whoever uploaded said no type."""


class Keys(StrEnum):
    """How the keys in S3 notifications are spelt."""

    AUTO = "auto"
    """As whoever emitted them spells them (see `schemas.wire.emitters`)."""
    ENCODED = "encoded"
    """URL-encoded, with `+` for a space: AWS, MinIO."""
    RAW = "raw"
    """As they are: versitygw, Ceph."""


class Naming(Section):
    """How storage's own notifications are read."""

    keys: Keys = Field(Keys.AUTO, description="How S3 notifications spell keys: auto, encoded or raw")
    key_pattern: str | None = Field(
        None,
        description="Regular expression whose groups `restaurant` and `uploader` say whose a key is,"
        " as in ^(?P<restaurant>[^/]+)/",
    )
    """Searched for in an object's key."""

    only_keys: tuple[str, ...] = Field(
        (),
        description="Patterns of the keys that are photographs, as a JSON list like"
        ' ["*.jpg", "*.jpeg"]; uploads of others are ignored. All are taken where it is empty',
    )
    """`*` stands for any characters, a slash among them; capitals do not matter."""
    only_content_types: tuple[str, ...] = Field(
        (),
        description='Patterns of the content types that are photographs, as a JSON list like ["image/*"];'
        " an upload that says another is ignored, one that says none is taken",
    )

    own_bucket: Internal[str | None] = None
    """Where the system itself puts objects: what storage says of them is news to nobody."""

    @field_validator("key_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(pattern)
        return pattern

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return compiled(self.key_pattern) if self.key_pattern else None

    @cached_property
    def _wanted_keys(self) -> re.Pattern[str] | None:
        return _any_of(self.only_keys)

    @cached_property
    def _wanted_types(self) -> re.Pattern[str] | None:
        return _any_of(self.only_content_types)

    def unwanted(self, key: str, content_type: str | None) -> str | None:
        """Why an upload is not to be tagged, before anything is fetched; None where it is."""
        if self._wanted_keys and not self._wanted_keys.fullmatch(key):
            return "its key is none of TAGSTREAM_UPLOADS__ONLY_KEYS"
        said = (content_type or "").partition(";")[0].strip()
        if said.lower() in _SAYS_NOTHING or self._wanted_types is None or self._wanted_types.fullmatch(said):
            return None
        return "its content type is none of TAGSTREAM_UPLOADS__ONLY_CONTENT_TYPES"

    def facts(self, key: str) -> dict[str, str]:
        """What `key` says of its object, by the field of `ImageUploaded` that says it."""
        found = self._pattern.search(key) if self._pattern else None
        groups = found.groupdict() if found else {}
        return {fact: groups[group] for group, fact in GROUPS.items() if groups.get(group)}


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    expression = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    return re.compile(expression, re.IGNORECASE) if patterns else None


def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern`, ready for a `Naming`; raises `ValueError` that says what is wrong with it."""
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not GROUPS.keys() & made.groupindex.keys():
        raise ValueError("it has neither a group (?P<restaurant>...) nor (?P<uploader>...)")
    return made
