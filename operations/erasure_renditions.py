"""The renditions of erased images: deleted with all their versions, before the head goes and once more after.

Before, since what they are called by is known nowhere afterwards; after, since a worker may have written one
in between. One that is written later still finds the tombstone, and goes by the worker's own hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from operations.erasure_targets import ErasureTarget
from schemas.addresses import BucketAddress
from schemas.errors import TagstreamError
from streams.adapters.s3.renditions import location_of
from streams.ports import ObjectVersions


@dataclass(frozen=True, slots=True)
class ErasedRenditions:
    """What is kept of one image's renditions, or was."""

    count: int = 0
    """Versions that were deleted, or stand."""
    why: str = ""
    """Why they could not be asked for, or not be deleted, and where they are."""


class ImageRenditions:
    """Where they are kept; nothing where they are not. `why` says that storage cannot be asked."""

    def __init__(
        self, place: BucketAddress | None, versions: ObjectVersions | None = None, why: str = ""
    ) -> None:
        self._place = place
        self._versions = versions
        self._why = why

    async def look(self, target: ErasureTarget) -> ErasedRenditions:
        """What stands of them."""
        return await self._each(target, is_dry=True)

    async def delete(self, target: ErasureTarget) -> ErasedRenditions:
        """Delete them."""
        return await self._each(target, is_dry=False)

    async def _each(self, target: ErasureTarget, *, is_dry: bool) -> ErasedRenditions:
        count = 0
        if self._place is None:
            return ErasedRenditions()
        for digest in sorted(target.digests):
            where = location_of(self._place, digest)
            if self._versions is None:
                return ErasedRenditions(count, f"{where}: {self._why}")
            try:
                count += await (self._versions.standing if is_dry else self._versions.delete)(where)
            except TagstreamError as error:
                return ErasedRenditions(count, f"{where}: {error}")
        return ErasedRenditions(count)
