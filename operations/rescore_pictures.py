"""Pictures of the images of a report: fetched and made small, as data: URIs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Final

from agents.wiring.settings import Settings
from model import thumbnail
from operations import bulk_fetch
from schemas.errors import Rejected
from schemas.version_diff import Mover
from streams.ports import ImageStore

AT_ONCE: Final = 8


async def pictures(settings: Settings, movers: Sequence[Mover]) -> Mapping[str, str]:
    """One for each that can be had, by image id. Raises `Unavailable` where the storage is away."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with bulk_fetch.storage(settings) as images:
        made = await asyncio.gather(*(_picture(images, each, slots) for each in movers))
    return {each.image_id: uri for each, uri in zip(movers, made, strict=True) if uri}


async def _picture(images: ImageStore, mover: Mover, slots: asyncio.Semaphore) -> str | None:
    async with slots:
        with suppress(Rejected):  # gone, too large: a page goes without that picture
            fetched = await images.fetch(mover.location)
            return await asyncio.to_thread(
                thumbnail.opened, BytesIO(fetched.data), thumbnail.SIDE, quality=thumbnail.QUALITY
            )
    return None
