"""The objects of erased images in storage: said where they stand, or deleted with all their versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from operations.erasure_targets import ErasureTarget
from schemas.errors import TagstreamError
from schemas.uploads import Location
from streams.ports import ObjectVersions


@dataclass(frozen=True, slots=True)
class ErasedObjects:
    """What storage has of one image, or had."""

    deleted: int = 0
    """Versions."""
    left: int | None = 0
    """Versions that stand; None where that is not known."""
    standing: tuple[Location, ...] = ()
    """Objects that stand, or may."""
    why: str = ""
    """Why storage could not be asked, or did not delete."""


class ImageObjects:
    """Storage; without one, why it cannot be asked."""

    def __init__(self, versions: ObjectVersions | None, why: str = "") -> None:
        self._versions = versions
        self._why = why

    async def look(self, target: ErasureTarget) -> ErasedObjects:
        """What stands of the image's objects."""
        if self._versions is None:
            return _unknown(target, self._why)
        try:
            found = await _each(target, self._versions.standing)
        except TagstreamError as error:
            self._versions, self._why = None, str(error)  # a storage that is away is not waited for each time
            return _unknown(target, str(error))
        return ErasedObjects(
            left=sum(found.values()), standing=tuple(where for where, n in found.items() if n)
        )

    async def delete(self, target: ErasureTarget) -> ErasedObjects:
        """Delete them; `why` says that not all could be."""
        if self._versions is None:
            return _unknown(target, self._why)
        try:
            found = await _each(target, self._versions.delete)
        except TagstreamError as error:
            return _unknown(target, str(error))
        return ErasedObjects(deleted=sum(found.values()))


async def _each(target: ErasureTarget, work: Callable[[Location], Awaitable[int]]) -> dict[Location, int]:
    return {where: await work(where) for where in target.locations}


def _unknown(target: ErasureTarget, why: str) -> ErasedObjects:
    return (
        ErasedObjects(left=None, standing=target.locations, why=why) if target.locations else ErasedObjects()
    )
