"""Thumbnails: the photograph whose tags are known, made small in a decoder process, for browsers (ADR 44).

What is shown is of the very bytes that a head speaks of, or nothing is. Behind predictions, bounded, refusing
what would be late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from agents.image import content_of
from operations.admission import Overloaded
from operations.background_lane import BackgroundLane
from operations.byte_cache import ByteCache
from operations.predict import DeadlineMissed
from schemas.errors import Gone, Rejected, TagstreamError
from schemas.records import Content, ImageHead, State
from schemas.thumbnail_sizes import REVISION, ThumbnailSize
from schemas.uploads import Location
from streams.ports import ImageStore, StoredRendition


class PhotographGone(TagstreamError):
    """The photograph of these tags is not there any more."""


class ThumbnailDecoder(Protocol):
    """What turns bytes into small pictures, in a process that may die of them."""

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """A JPEG without metadata, its longer side at most `side`; raises `Rejected` or `Broken`."""


class RenditionReads(Protocol):
    """Where small photographs may be read in place of the originals."""

    async def find(self, content: Content, *, side: int) -> StoredRendition | None:
        """The rendition of those bytes, its shorter side no less than `side`; None for the original."""

    def damaged(self, content: Content, why: object) -> None:
        """What stands there is no rendition."""


@dataclass(frozen=True, slots=True)
class ThumbnailBounds:
    """How much at once, how long, and how much is kept."""

    in_hand: int = 64
    """Thumbnails that are made or wait for it; what comes beyond them is refused."""
    at_once: int = 4
    """Fetched and decoded at once, one while predictions come."""
    within: float = 10.0
    """Seconds for one, its wait included."""
    kept_bytes: int = 32 * 2**20
    kept_seconds: float = 600.0
    """After which none is in memory any more: of a photograph that is erased elsewhere nobody tells us."""


_BOUNDS: Final = ThumbnailBounds()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One thumbnail."""

    location: Location
    content: Content
    size: ThumbnailSize

    @property
    def key(self) -> tuple[str, ThumbnailSize]:
        """What looks the same, wherever it lies."""
        return self.content.digest, self.size


class Thumbnails:
    """Owns what it makes until it is closed. The event loop's thread only."""

    def __init__(
        self,
        images: ImageStore,
        decoder: ThumbnailDecoder,
        is_quiet: Callable[[], bool],
        *,
        renditions: RenditionReads | None = None,
        bounds: ThumbnailBounds = _BOUNDS,
    ) -> None:
        self._images = images
        self._decoder = decoder
        self._renditions = renditions
        self._bounds = bounds
        self._lane = BackgroundLane(bounds.at_once, is_quiet)
        self._kept = ByteCache[tuple[str, ThumbnailSize]](most=bounds.kept_bytes, seconds=bounds.kept_seconds)
        self._making: dict[_Wanted, asyncio.Task[bytes]] = {}

    async def of(self, head: ImageHead, size: ThumbnailSize) -> bytes:
        """The JPEG. Asked for by several at once it is made once.

        Raises:
            PhotographGone: the image was removed or erased, or these bytes are not there any more.
            Rejected: the bucket is off the allow-list, or it cannot be decoded any more.
            Overloaded: at once, where too many are in hand.
            DeadlineMissed: it was not made in time.
            Unavailable: the storage is away.
        """
        wanted = _Wanted(head.location, content_shown(head), size)
        if (found := self._kept.get(wanted.key)) is not None:
            return found
        return await asyncio.shield(self._making.get(wanted) or self._begun(wanted))

    def forget(self, digests: Collection[str]) -> None:
        """Keep nothing of the photographs of those sha256."""
        self._kept.drop_where(lambda key: key[0] in digests)

    async def close(self) -> None:
        """What is being made is broken off."""
        making = tuple(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    def _begun(self, wanted: _Wanted) -> asyncio.Task[bytes]:
        if len(self._making) >= self._bounds.in_hand:
            raise Overloaded(f"{len(self._making)} thumbnails are in hand, as many as are made in time")
        task = asyncio.create_task(self._made(wanted), name="thumbnail")
        self._making[wanted] = task
        task.add_done_callback(partial(self._ended, wanted))
        return task

    def _ended(self, wanted: _Wanted, task: asyncio.Task[bytes]) -> None:
        del self._making[wanted]
        if not task.cancelled():
            task.exception()  # heard, also where whoever asked has gone away

    async def _made(self, wanted: _Wanted) -> bytes:
        try:
            async with asyncio.timeout(self._bounds.within), self._lane.place():
                made = await self._reduced(wanted) or await self._drawn(wanted)
        except TimeoutError as error:
            raise DeadlineMissed(f"not made within {self._bounds.within:g} s") from error
        self._kept.put(wanted.key, made)
        return made

    async def _reduced(self, wanted: _Wanted) -> bytes | None:
        """Out of the rendition; None where there is none with so many pixels."""
        if self._renditions is None:
            return None
        found = await self._renditions.find(wanted.content, side=wanted.size)
        if found is None:
            return None
        try:
            return await self._decoder.thumbnail(found.data, wanted.size)
        except Rejected as error:
            self._renditions.damaged(wanted.content, error)
            return None

    async def _drawn(self, wanted: _Wanted) -> bytes:
        """Out of the photograph, where these are its bytes."""
        try:
            fetched = await self._images.fetch(wanted.location)
        except Gone as error:
            raise PhotographGone("nothing stands any more where it was") from error
        if (await content_of(fetched)).digest != wanted.content.digest:
            raise PhotographGone("another photograph stands there by now; its tags are on their way")
        return await self._decoder.thumbnail(fetched.data, wanted.size)


def etag(head: ImageHead, size: ThumbnailSize) -> str:
    """Of that thumbnail, in quotes: it changes with the photograph and with how it is made."""
    return f'"{content_shown(head).digest[:32]}-{size}-r{REVISION}"'


def content_shown(head: ImageHead) -> Content:
    """The bytes whose tags hold; raises `PhotographGone` where none are to be shown."""
    if head.is_erased:
        raise PhotographGone("it was erased")
    if head.state is State.DELETED:
        raise PhotographGone("it was removed")
    if head.content is None:
        raise PhotographGone("no bytes of it are known")
    return head.content
