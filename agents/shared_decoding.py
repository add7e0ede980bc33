"""Shared decoding: versions that want the same pixels have the same decoders, counted by reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from agents.tagger import ImageDecoder
from model.preprocess import DecodedImage, Pixels, Preprocess

MakeDecoder = Callable[[Preprocess], ImageDecoder]


class SharedDecoding:
    """Makes decoders by preprocessing; the last who closes them closes them."""

    def __init__(self, make: MakeDecoder) -> None:
        self._make = make
        self._shares: dict[Preprocess, _Shared] = {}

    def __call__(self, preprocess: Preprocess) -> ImageDecoder:
        """Decoders for that, not yet entered."""
        return _Share(self._shares.setdefault(preprocess, _Shared(self._make, preprocess)))


class _Shared:
    """The decoders of one preprocessing, and how many have them open."""

    def __init__(self, make: MakeDecoder, preprocess: Preprocess) -> None:
        self._make = make
        self._preprocess = preprocess
        self._holders = 0
        self._turn = asyncio.Lock()
        self.decoder: ImageDecoder

    async def opened(self) -> None:
        """One more has them open."""
        async with self._turn:
            if self._holders == 0:
                self.decoder = await self._make(self._preprocess).__aenter__()
            self._holders += 1

    async def closed(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """One less."""
        async with self._turn:
            self._holders -= 1
            if self._holders == 0:
                await self.decoder.__aexit__(kind, error, trace)


class _Share:
    """One version's decoders."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared

    async def __aenter__(self) -> Self:
        await self._shared.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._shared.closed(kind, error, trace)

    async def warm(self) -> None:
        """Until they are ready for an image; raises `Broken`."""
        await self._shared.decoder.warm()

    async def decode(self, data: bytes) -> Pixels:
        """The image's pixels, uint8 (3, S, S); raises `Rejected` or `Broken`."""
        return await self._shared.decoder.decode(data)

    async def decode_and_reduce(self, data: bytes) -> DecodedImage:
        """The image's pixels, and its rendition where the decoders make one."""
        return await self._shared.decoder.decode_and_reduce(data)

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """The image as a small JPEG, its longer side at most `side`."""
        return await self._shared.decoder.thumbnail(data, side)
