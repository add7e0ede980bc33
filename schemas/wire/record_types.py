"""Record types: what one record of a message can ask for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Final

from schemas.errors import Malformed
from schemas.uploads import ImageRemoved, ImageUploaded

MAX_RECORDS: Final = 1_000
"""Records in one message, at most; AWS caps a notification at 64 KiB, which is some sixty."""

_INFINITE: Final = re.compile(r'("(?:[^"\\]|\\.)*")|Infinity')


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Tag this image."""

    upload: ImageUploaded
    sequencer: str | None = None
    """The storage's own order of the events of one key, where it says one."""
    alone: bytes | None = field(default=None, compare=False, repr=False)
    """The record as a message of its own, under the same headers; None where the message is the record."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Withdraw this image."""

    removal: ImageRemoved
    sequencer: str | None = None
    if_gone: bool = False
    """Only one version was removed: the image is gone only if nothing stands at its key any more."""
    alone: bytes | None = field(default=None, compare=False, repr=False)
    """The record as a message of its own, under the same headers; None where the message is the record."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that asks for nothing (a test event of a bucket's notifications)."""

    why: str
    is_filtered: bool = False
    """It asks for something, of an object that a setting says nobody wants."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A record that is none of the above: to the dead letters, with this cause."""

    error: Malformed
    alone: bytes | None = field(default=None, compare=False, repr=False)
    """The record as a message of its own, under the same headers; None where the message is the record."""


Record = Uploaded | Removed | Ignored | Invalid


@dataclass(frozen=True, slots=True)
class Part:
    """One record, and the JSON value that would ask for it alone."""

    record: Record
    document: object
    content_type: str | None = None
    """Of the object, where the sender says one."""


def apart(parts: tuple[Part, ...]) -> tuple[Record, ...]:
    """The records; each of several can stand alone."""
    if len(parts) == 1:
        return (parts[0].record,)
    return tuple(_alone(part) for part in parts)


def _alone(part: Part) -> Record:
    if isinstance(part.record, Ignored):
        return part.record
    return replace(part.record, alone=_spelled(part.document).encode())


def _spelled(document: object) -> str:
    """`document` as JSON, in ASCII: half of a pair of characters could not be encoded."""
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:  # a number too large to be one, as it was read; spelt so that it is read so again
        return _INFINITE.sub(lambda found: found[1] or "1e999", json.dumps(document))
