"""What the straight path needs of the world: one verb or two each, and an adapter for every place.

Adapters own their connections (`async with`), map foreign errors at their edge, and raise only
`Rejected` (this object never) or `Unavailable` (not now).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.events import Announcement, DeadLetter
from schemas.records import Announced, ImageHead, Kept, ScoreRecord, Stale
from schemas.uploads import Location


class ImageStore(Protocol):
    """Where photographs are."""

    async def fetch(self, location: Location) -> bytes:
        """The object's bytes.

        Raises:
            NotAllowed: the bucket is off the allow-list.
            Gone: there is no such object.
            TooLarge: it has more bytes than the cap.
            Unavailable: the storage is away, overloaded, or refuses our credentials.
        """

    async def ping(self) -> None:
        """Return when the storage answers; raise `Unavailable` when it does not."""


class ScoreStore(Protocol):
    """Where heads and scores are kept."""

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, or None before its first score."""

    async def keep(self, head: ImageHead, record: ScoreRecord) -> Kept | Stale:
        """Keep `record` in the history and make `head` the image's head, unless a newer event holds.

        `head.announced` is not written: it belongs to `mark`. A head of the same position and model
        is left as it is, so that keeping twice keeps what was kept first. Atomic per image, whoever
        writes beside us.
        """

    async def mark(self, image_id: str, announced: Announced) -> None:
        """Remember what the broker has acknowledged, unless a newer event's verdict is announced."""

    async def ping(self) -> None:
        """Return when the store answers; raise `Unavailable` when it does not."""


class TagPublisher(Protocol):
    """Where events go."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish all of them in order; return when every in-sync replica has each."""

    async def bury(self, letter: DeadLetter) -> None:
        """Publish the dead letter; return when every in-sync replica has it."""

    async def ping(self) -> None:
        """Return when the broker answers; raise `Unavailable` when it does not."""
