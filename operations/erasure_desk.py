"""Erasures of single images that somebody waits for: two at once, and whoever goes away ends none halfway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import structlog

from operations.admission import Overloaded
from operations.erase import RENDITION_MAY_STAND, ErasureResult
from operations.erasure_receipt import hashed
from operations.erasure_targets import ErasureRequest, ErasureTarget
from schemas.errors import Gone, TagstreamError, UnknownImage

log = structlog.get_logger(__name__)

AT_ONCE: Final = 2
"""Each opens connections of its own, and is rare."""

GRACE: Final = 5.0
"""Seconds that one has yet when all else has ended."""

Targets = tuple[ErasureTarget, ...]
Choose = Callable[[ErasureRequest], Awaitable[Targets]]
"""The images that a request is about; raises `Gone` for one that is not known, unless such are meant."""

Erase = Callable[[ErasureRequest, Targets], Awaitable[ErasureResult]]
"""Erases them; to be repeated where it raises."""


class NotErased(TagstreamError):
    """The image is not erased, or not wholly."""


class ErasureDesk:
    """Owns what it has begun until it is closed. `forget` hears the sha256 of what is to be seen no more."""

    def __init__(self, choose: Choose, erase: Erase, forget: Callable[[Collection[str]], None]) -> None:
        self._choose = choose
        self._erase = erase
        self._forget = forget
        self._running: set[asyncio.Task[ErasureResult]] = set()

    async def erase(self, image_id: str, request: ErasureRequest, *, key_id: str) -> ErasureResult:
        """Erase that image; durable, and told, when it returns. It goes on where the caller is cancelled.

        Raises:
            UnknownImage: the store does not know it, and such were not meant.
            NotErased: its object or its rendition cannot be deleted; the same again is right.
            Overloaded: at once, where others are in hand.
            Unavailable: the store or the broker is away; the same again is right.
        """
        if len(self._running) >= AT_ONCE:
            raise Overloaded(f"{len(self._running)} erasures are in hand")
        task = asyncio.create_task(self._done(image_id, request, key_id), name="erasure")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Until what is in hand has ended; what takes too long is broken off, and to be asked for again."""
        running = tuple(self._running)
        if running:
            await asyncio.wait(running, timeout=GRACE)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[ErasureResult]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # heard, also where whoever asked has gone away

    async def _done(self, image_id: str, request: ErasureRequest, key_id: str) -> ErasureResult:
        """The key and the image, which is named by its hash alone, are in the log however it ends."""
        who = {"key": key_id, "image": hashed(image_id)}
        try:
            targets = await self._targets(image_id, request)
            result = await self._erase(request, targets)
            self._forget(frozenset[str]().union(*(each.digests for each in targets)))
            _refuse_half(result)
        except UnknownImage:
            raise
        except Exception as error:  # nobody may be there any more to hear of it
            log.warning("erasure.failed", **who, cause=type(error).__name__)
            raise
        (line,) = result.receipt.images
        log.info("erasure.done", **who, outcome=line.outcome, objects=request.objects)
        return result

    async def _targets(self, image_id: str, request: ErasureRequest) -> Targets:
        try:
            return await self._choose(request)
        except Gone as error:
            raise UnknownImage(
                f"the store does not know {image_id}: never uploaded, or not tagged yet; with `unseen` what "
                "still waits is erased too"
            ) from error


def _refuse_half(result: ErasureResult) -> None:
    """What storage says of it names hosts and keys, and is for whoever runs the server."""
    for each in result.refused:
        if each.what == RENDITION_MAY_STAND:
            raise NotErased("it is erased, and a rendition of it may stand: storage is away, or refuses")
        raise NotErased(
            f"{each.what}, and nothing was erased: storage is away, or lets the server delete none"
        )
