"""What was done to storage and said to the broker: the producers' own books, kept while traffic flows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.soak.contents import Labels


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that storage acknowledged; `etag` is None where it was a removal."""

    key: str
    etag: str | None
    began: datetime
    ended: datetime


@dataclass
class Photograph:
    """One key of the bucket, and what stood at it when."""

    key: str
    data: bytes | None = None
    """What stands at it now."""
    digests: set[str] = field(default_factory=set)
    """sha256 of everything that ever stood at it."""
    acts: list[Act] = field(default_factory=list)

    @property
    def digest(self) -> str | None:
        """Of what stands at it now."""
        return hashlib.sha256(self.data).hexdigest() if self.data is not None else None

    @property
    def etag(self) -> str | None:
        """As S3 names these bytes."""
        return hashlib.md5(self.data).hexdigest() if self.data is not None else None  # noqa: S324 - S3's own

    def may_be_missed_after(self, moment: datetime) -> bool:
        """Whether somebody who looks at `moment` or later may find nothing at the key."""
        is_absent = True
        for act in self.acts:
            if act.etag is None:
                is_absent = True
            elif is_absent and act.ended >= moment:
                return True
            else:
                is_absent = False
        return is_absent


@dataclass
class Ledger:
    """The books."""

    photographs: dict[str, Photograph] = field(default_factory=dict)
    labels: dict[str, Labels] = field(default_factory=dict)
    """Which hold of a content, by its sha256."""
    operations: int = 0
    """That were acknowledged."""
    acknowledged: set[tuple[str, int, int]] = field(default_factory=set)
    """Topic, partition and offset of each message of ours that the broker has acknowledged."""
    refused: int = 0
    """Messages of ours that it has not: they may be there or not."""
    announced_anew: int = 0
    """Photographs put again because storage never announced what was done last."""

    def at(self, key: str) -> Photograph:
        """The photograph of `key`."""
        return self.photographs.setdefault(key, Photograph(key))

    def standing(self, prefix: str = "") -> Iterator[Photograph]:
        """Those at which something stands."""
        return (
            each
            for each in self.photographs.values()
            if each.data is not None and each.key.startswith(prefix)
        )

    def was_put(self, key: str, data: bytes, *, began: datetime) -> None:
        """Storage has acknowledged `data` at `key`."""
        photograph = self.at(key)
        photograph.data = data
        assert photograph.digest is not None
        photograph.digests.add(photograph.digest)
        photograph.acts.append(Act(key, photograph.etag, began, datetime.now(UTC)))

    def was_removed(self, key: str, *, began: datetime) -> None:
        """Storage has acknowledged that nothing stands at `key`."""
        photograph = self.at(key)
        photograph.data = None
        photograph.acts.append(Act(key, None, began, datetime.now(UTC)))
