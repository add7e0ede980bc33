"""Key naming: how a storage spells its keys, and what a key says of its object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Naming:
    """What is known of the storage that notifies."""

    keys: Keys = Keys.AUTO
    pattern: re.Pattern[str] | None = None
    """Searched for in an object's key; its groups `restaurant` and `uploader` say whose it is."""

    def facts(self, key: str) -> dict[str, str]:
        """What `key` says of its object, by the field of `ImageUploaded` that says it."""
        found = self.pattern.search(key) if self.pattern else None
        said = found.groupdict() if found else {}
        return {fact: said[group] for group, fact in GROUPS.items() if said.get(group)}


def compiled(pattern: str) -> re.Pattern[str]:
    """`pattern`, ready for a `Naming`; raises `ValueError` that says what is wrong with it."""
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not GROUPS.keys() & made.groupindex.keys():
        raise ValueError("it has neither a group (?P<restaurant>...) nor (?P<uploader>...)")
    return made
