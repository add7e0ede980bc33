"""Decoder thread pool: for a command over somebody's own files, which may die of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

from model.preprocess import DecodedImage, Pixels, Preprocess
from schemas.errors import Broken, Rejected, Stage, Unforeseen

T = TypeVar("T")


class DecodingThreads:
    """So many images at once; `async with` closes it."""

    def __init__(self, preprocess: Preprocess, count: int) -> None:
        self._preprocess = preprocess
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="decode")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # A decoder that hangs must not hold up the exit: its thread ends with the process.
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def warm(self) -> None:
        """Nothing to warm: threads start at once."""

    async def decode(self, data: bytes) -> Pixels:
        """The image's pixels, uint8 (3, S, S); raises `Rejected`, or `Broken` when memory runs out."""
        return (await self.decode_and_reduce(data)).pixels

    async def decode_and_reduce(self, data: bytes) -> DecodedImage:
        """The same, without a rendition: commands keep none."""
        return await self._done(partial(self._preprocess.decode_and_reduce, data, None))

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """The image as a small JPEG, its longer side at most `side`; raises as `decode` does."""
        return await self._done(partial(self._preprocess.thumbnail, data, side))

    async def _done(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _refusing, work)


def _refusing(work: Callable[[], T]) -> T:
    try:
        return work()
    except Rejected:
        raise
    except MemoryError as error:
        # The machine's fault as likely as the image's: a good image must not pay for it.
        raise Broken("out of memory while decoding") from error
    except Exception as error:
        raise Unforeseen.of(error, stage=Stage.DECODE) from error
