"""A presigned address at which a person can look at an image."""

from __future__ import annotations

from agents.wiring.backends import s3_settings
from agents.wiring.settings import Settings
from operations import image_ids, store
from schemas.errors import Gone
from schemas.records import State
from streams.adapters.s3.images import S3Images


async def link(settings: Settings, image_id: str, *, seconds: float) -> str:
    """The address, good for so many seconds. Raises `Gone` for an image that is unknown or was removed."""
    head = await store.read_head(settings.store, image_id)
    if head is None:
        raise image_ids.unknown(image_id)
    if head.erased and head.is_erased:
        raise Gone(f"{image_id} was erased at {head.erased.erased_at:%Y-%m-%d %H:%M:%S} UTC")
    if head.state is State.DELETED:
        raise Gone(f"{image_id} was removed at {head.position.uploaded_at:%Y-%m-%d %H:%M:%S} UTC")
    async with S3Images(s3_settings(settings)) as images:
        return await images.link(head.location, seconds=seconds)
