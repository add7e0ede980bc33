"""Publishing to the registry: the payload first, the manifest last, nothing ever over anything else.

Without its manifest no version is listed, so one that a publisher died over is not there; published again,
it is completed. Payload of other bytes is never overwritten, not even of a version without a manifest:
its publisher may be about to put the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from model.checkpoint import MANIFEST
from model.registry.contents import Contents
from model.registry.refs import VersionRef
from schemas.errors import ConfigurationError
from schemas.objects import Objects

_NOBODYS: Final = '"00000000000000000000000000000000"'


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a publication."""

    ref: VersionRef
    digest: str
    """sha256 of the manifest: what aliases pin."""
    is_new: bool
    """False where the same bytes were there already."""


async def publish(objects: Objects, contents: Contents) -> Published:
    """Put the version at its place, or find it there, byte for byte.

    Raises:
        ConfigurationError: other bytes are there, or the storage ignores conditions.
        Unavailable: the storage is away; what was put stays, and counts when it is published again.
    """
    ref, manifest = contents.ref, contents.files[MANIFEST]
    await _refuse_other(objects, ref, manifest)
    for path, data in contents.payload.items():
        if not await objects.put_if_absent(ref.key(path), data):
            await _refuse_unfinished(objects, ref.key(path), data)
    is_new = await objects.put_if_absent(ref.manifest, manifest)
    if not is_new:
        await _refuse_other(objects, ref, manifest)
    await assure_conditions(objects, ref.manifest, manifest)
    return Published(ref, contents.digest, is_new)


async def assure_conditions(objects: Objects, key: str, data: bytes) -> None:
    """Pass if the storage refuses to put `data` where it stands already, else raise `ConfigurationError`.

    One that does not honour conditional writes would let two promoters win.
    `key` holds `data` now, and nobody ever puts anything else there: where it is put, no harm is done.
    """
    ignored = await objects.put_if_absent(key, data) or await objects.put_if_match(key, data, etag=_NOBODYS)
    if ignored:
        raise ConfigurationError(
            "this storage ignores If-None-Match or If-Match on PUT: two promotions at once could both win; "
            "S3, MinIO and versitygw keep to them: use one of those, or a newer release of this one"
        )


async def _refuse_other(objects: Objects, ref: VersionRef, manifest: bytes) -> None:
    present = await objects.get(ref.manifest)
    if present is not None and present.data != manifest:
        raise ConfigurationError(
            f"{ref} is published already, with other bytes, and versions do not change: "
            f"give this one another version in its manifest and publish that"
        )


async def _refuse_unfinished(objects: Objects, key: str, data: bytes) -> None:
    present = await objects.get(key)
    if present is None or present.data != data:
        raise ConfigurationError(
            f"{key}: other bytes are there, of a publication that is under way or was broken off, or damaged "
            "since; remove that object if nobody is publishing, or publish under another version"
        )
