"""Event names of storages: which of them say that an object was created or removed, and which say neither.

`ObjectCreated:Put` and the like; behind `s3:` with some emitters. A name that is not known asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_CREATED: Final = "ObjectCreated"
_REMOVED: Final = frozenset({"ObjectRemoved", "LifecycleExpiration", "LifecycleDelMarkerExpiration"})
_SYNCED: Final = frozenset({"ObjectSynced", "Replication"})
"""Ceph's, where another zone did it; of AWS's `Replication` events none has one of these acts."""
_SYNCED_CREATED: Final = frozenset({"Create"})
_SYNCED_REMOVED: Final = frozenset({"Delete", "DeletionMarkerCreated", "DeleteMarkerCreated"})
_LIFECYCLE: Final = "ObjectLifecycle"
_EXPIRATION: Final = "Expiration:"
_ABORTED: Final = frozenset({"AbortMPU", "AbortMultipartUpload"})
"""Expirations of uploads that were never completed: no object went."""
_OLD_VERSION: Final = frozenset({"noncurrent", "deletemarker"})
"""Expirations of a version that is not the current one."""
_NOTHING_LEFT: Final = frozenset({"DeleteMarkerCreated", "DeletionMarkerCreated", "DeleteAllVersions"})
"""Removals after which nothing can be read at the key, whatever version they name."""
_SAME_BYTES: Final = frozenset({"PutTagging", "DeleteTagging", "PutRetention", "PutLegalHold"})
"""What MinIO calls a creation though the bytes stay as they are."""
_SHOWN: Final = 100


class Means(Enum):
    """What a name says of the object."""

    CREATED = auto()
    REMOVED = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Name:
    """One event's name, in two parts."""

    text: str
    """As it came."""
    family: str
    act: str

    @classmethod
    def of(cls, text: str) -> Name:
        """`s3:ObjectCreated:Put` and `ObjectCreated:Put` alike as `ObjectCreated` and `Put`."""
        family, _, act = text.removeprefix("s3:").partition(":")
        return cls(text, family, act)

    @property
    def means(self) -> Means:
        """What it says of the object."""
        if self.family == _CREATED:
            return Means.NOTHING if self.act in _SAME_BYTES else Means.CREATED
        if self.family in _SYNCED and self.act in _SYNCED_CREATED:
            return Means.CREATED
        return Means.REMOVED if self._removes else Means.NOTHING

    @property
    def _removes(self) -> bool:
        if self.family in _SYNCED:
            return self.act in _SYNCED_REMOVED
        if self.family == _LIFECYCLE:
            return self.act.startswith(_EXPIRATION) and self._expired not in _ABORTED
        return self.family in _REMOVED

    @property
    def _expired(self) -> str:
        return self.act.removeprefix(_EXPIRATION)

    @property
    def why_nothing(self) -> str:
        """Why an event of this name asks for nothing."""
        if self.family == _CREATED:
            return f"{self.act} leaves the bytes as they are"
        return f"neither an upload nor a removal: {self.text[:_SHOWN]}"

    @property
    def leaves_nothing(self) -> bool:
        """Whether nothing can be read at the key after this removal."""
        return self.act in _NOTHING_LEFT

    @property
    def is_of_old_version(self) -> bool:
        """Whether it is the removal of a version beside the current one, or of no version at all."""
        return self.act == "NoOP" or (self.family == _LIFECYCLE and self._expired.lower() in _OLD_VERSION)
