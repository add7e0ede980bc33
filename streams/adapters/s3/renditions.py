"""S3 rendition store: small JPEGs below a prefix of a bucket of their own, by the photograph's digest."""

from __future__ import annotations

from typing import Final, Self

from schemas.addresses import BucketAddress
from schemas.errors import Gone
from schemas.rendition_recipe import MOST_BYTES
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.ports import StoredRendition

DEADLINE: Final = 10.0
"""Seconds for one object, at most: whoever waits longer for a small one takes the photograph instead."""
_RECIPE: Final = "recipe"
_SHA256: Final = "sha256"


def location_of(place: BucketAddress, digest: str) -> Location:
    """Where the rendition of the photograph of that sha256 is, if there is one."""
    prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
    return Location(bucket=place.bucket, key=f"{prefix}{digest[:2]}/{digest}.jpg")


def settings_of(place: BucketAddress, settings: S3Settings) -> S3Settings:
    """The same storage, and of its buckets that one."""
    bounds = {"max_object_bytes": MOST_BYTES, "deadline": min(settings.deadline, DEADLINE)}
    return settings.model_copy(update={"buckets": (place.bucket,), **bounds})


class S3Renditions:
    """The renditions at `place`. A client of their own: `async with` opens and closes it."""

    def __init__(self, place: BucketAddress, settings: S3Settings) -> None:
        self._place = place
        self._objects = S3Images(settings_of(place, settings))

    async def __aenter__(self) -> Self:
        await self._objects.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._objects.__aexit__()

    async def get(self, digest: str) -> StoredRendition | None:
        """See `RenditionStore.get`."""
        try:
            found = await self._objects.fetch(location_of(self._place, digest))
        except Gone:
            return None
        said = found.metadata
        return StoredRendition(found.data, said.get(_RECIPE, ""), said.get(_SHA256, ""))

    async def put(self, digest: str, rendition: StoredRendition) -> None:
        """See `RenditionStore.put`."""
        said = {_RECIPE: rendition.recipe, _SHA256: rendition.sha256}
        await self._objects.put(location_of(self._place, digest), rendition.data, metadata=said)

    async def delete(self, digest: str) -> None:
        """See `RenditionStore.delete`."""
        await self._objects.remove(location_of(self._place, digest))
