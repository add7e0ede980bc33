"""Record types: what one record of a message can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.errors import Malformed
from schemas.uploads import ImageRemoved, ImageUploaded

MAX_RECORDS: Final = 1_000
"""Records in one message, at most; AWS caps a notification at 64 KiB, which is some sixty."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Tag this image."""

    upload: ImageUploaded
    sequencer: str | None = None
    """The storage's own order of the events of one key, where it says one."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Withdraw this image."""

    removal: ImageRemoved
    sequencer: str | None = None
    if_gone: bool = False
    """Only one version was removed: the image is gone only if nothing stands at its key any more."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that asks for nothing (a test event of a bucket's notifications)."""

    why: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """A record that is none of the above: to the dead letters, with this cause."""

    error: Malformed


Record = Uploaded | Removed | Ignored | Invalid
