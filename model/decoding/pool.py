"""Decoder process pool: an image that kills its decoder does not kill the worker.

Which image is to blame for a decoder's exit, by these rules:

1. An image whose decoder died is tried again, in a fresh decoder, while no other is decoded in this worker.
   Only deaths there count: the first may have been its neighbours' doing.
2. A fresh decoder has just decoded a known-good image, with the same limits. When three in a row cannot, it
   is the machine: `Broken`, no image is rejected, and Kafka redelivers.
3. The third death that counts rejects the image, after one more fresh decoder has proven itself. Of deaths
   that were told by time the first is enough: the decoder's own CPU clock is hard to blame on others, and
   everybody waits.

Nothing of this is written down. A worker that is killed takes its decoders along, and what they had comes
again: the death of a worker is no image's fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, Self, TypeVar

import numpy as np
import structlog

from model.decoding.decoder import LOOKS, Decoder, DecoderDied, DecoderExit, DecoderRecipe, ExitCause
from model.decoding.limits import DecoderLimits
from model.decoding.options import REAL
from model.preprocess import DecodedImage, Pixels, Preprocess
from model.serving import self_check
from schemas.errors import Broken, DeadlyImage, Rejected
from schemas.rendition_recipe import RenditionRecipe

log = structlog.get_logger(__name__)

T = TypeVar("T")

DEATHS: Final = 3
"""That count, until an image is rejected; and decoders that may not come up until the machine is to blame."""

PAUSE: Final = 0.5
"""Seconds after a SIGKILL and after a decoder that did not come up: a shortage of memory may pass."""

BLOAT: Final = 8
"""A decoder that keeps this part of its memory of its images is replaced: the next one is to have all.

More than the process itself holds, which is that much already where the limit is low."""


class _Order(Generic[T]):
    """An image, and what a decoder is to make of it."""

    def __init__(self, data: bytes, work: Callable[[Decoder], Awaitable[T]]) -> None:
        self.data = data
        self.work = work


def _ignored(death: DecoderExit) -> None:
    """Default hook: does nothing."""


class DecoderPool:
    """Owns the decoders; `async with` starts them in the background and kills them in the end.

    `on_death` hears of every decoder that died by itself. The event loop's thread only, which has to live as
    long as the pool.
    """

    def __init__(
        self,
        preprocess: Preprocess,
        limits: DecoderLimits,
        *,
        on_death: Callable[[DecoderExit], None] = _ignored,
        decode: str = REAL,
        rendition: RenditionRecipe | None = None,
    ) -> None:
        self._recipe = DecoderRecipe(preprocess, limits, decode, rendition)
        self._limits = limits
        self._on_death = on_death
        self._known_good = self_check.draw()["plate.png"]
        self._known_pixels = preprocess.decode(self._known_good)
        self._slots = ExclusiveSemaphore(limits.processes)
        self._idle: list[Decoder] = []
        self._all: set[Decoder] = set()
        self._discarded: set[asyncio.Task[DecoderExit]] = set()
        self._closed = False
        self._filling: asyncio.Task[None]  # these two from __aenter__ on
        self._watching: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._filling = asyncio.create_task(self._fill(), name="decoders-start")
        self._watching = asyncio.create_task(self._watch(), name="decoders-watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whatever is being decoded is broken off."""
        self._closed = True
        for task in (self._filling, self._watching):
            task.cancel()
        for decoder in self._all:
            decoder.kill()
        async with self._slots.all():
            await asyncio.gather(self._filling, self._watching, return_exceptions=True)
            for decoder in tuple(self._all):
                self._discard(decoder)
            await asyncio.gather(*self._discarded)

    async def warm(self) -> None:
        """Until every decoder is ready for an image. Raises `Broken` when one does not come up."""
        await asyncio.shield(self._filling)

    @property
    def pids(self) -> frozenset[int]:
        """Of the decoders that there are now."""
        return frozenset(decoder.pid for decoder in self._all)

    async def decode(self, data: bytes) -> Pixels:
        """The image's pixels, uint8 (3, S, S); waits for a decoder.

        Raises `Rejected` as `Preprocess.decode` does, and `DeadlyImage`; `Broken` when no decoder comes up or
        the pool is closed. Cancelled, it leaves nothing behind.
        """
        return (await self._done(_Order(data, lambda decoder: decoder.decode(data)))).pixels

    async def decode_and_reduce(self, data: bytes) -> DecodedImage:
        """The same with its rendition, where a recipe was given and it has one. Raises as `decode` does."""
        return await self._done(_Order(data, lambda decoder: decoder.decode(data, is_reduced=True)))

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """The image as a small JPEG without metadata, its longer side at most `side`.

        Raises as `decode` does; a decoder that dies of it is blamed as it is there.
        """
        return await self._done(_Order(data, lambda decoder: decoder.thumbnail(data, side)))

    async def _done(self, order: _Order[T]) -> T:
        await self.warm()
        try:
            async with self._slots.one():
                return await self._try(await self._any(), order)
        except DecoderDied as died:
            await self._report_exit(died.death, order.data, counted=0)
        async with self._slots.all():
            return await self._try_alone(order)

    async def _try_alone(self, order: _Order[T]) -> T:
        deaths: list[DecoderExit] = []
        while True:
            decoder = await self._fresh()
            if len(deaths) == DEATHS or any(death.takes_long for death in deaths):
                self._idle.append(decoder)
                raise _deadly(deaths)
            try:
                return await self._try(decoder, order)
            except DecoderDied as died:
                deaths.append(died.death)
                await self._report_exit(died.death, order.data, counted=len(deaths))

    async def _try(self, decoder: Decoder, order: _Order[T]) -> T:
        """Do it in `decoder`, and keep it for the next image unless it died or is busy still."""
        try:
            made = await order.work(decoder)
        except Rejected:
            self._keep(decoder)
            raise
        except BaseException:
            self._discard(decoder)
            raise
        self._keep(decoder)
        return made

    async def _any(self) -> Decoder:
        while self._idle:
            decoder = self._idle.pop()
            if decoder.is_alive():
                return decoder
            self._tell(await self._discard(decoder), bytes=0)  # nobody's fault: it had nothing to do
        return await self._fresh()

    def _keep(self, decoder: Decoder) -> None:
        if decoder.memory - decoder.memory_fresh > self._limits.memory // BLOAT:
            self._discard(decoder)
        else:
            self._idle.append(decoder)

    async def _fresh(self) -> Decoder:
        """A decoder that has decoded nothing but a known-good image."""
        for _ in range(DEATHS):
            if self._closed:
                break
            try:
                return await self._started()
            except (DecoderDied, Rejected, OSError) as error:
                if not self._closed:
                    log.warning("decoder.not_started", cause=str(error))
                    await asyncio.sleep(PAUSE)
        raise Broken("the decoders are closed" if self._closed else "no decoder decodes a known-good image")

    async def _started(self) -> Decoder:
        while len(self._all) >= self._limits.processes and self._idle:
            self._discard(self._idle.pop())
        decoder = Decoder.start(self._recipe)
        self._all.add(decoder)
        try:
            decoded = await decoder.decode(self._known_good)
        except BaseException:
            self._discard(decoder)
            raise
        if not np.array_equal(decoded.pixels, self._known_pixels):
            self._discard(decoder)
            raise Broken("a decoder sees another picture than this process")
        decoder.memory_fresh = decoder.memory
        return decoder

    async def _report_exit(self, death: DecoderExit, data: bytes, *, counted: int) -> None:
        """Log the exit, or raise `Broken` if the pool is closing; pause if it was killed for memory."""
        if self._closed:
            raise Broken("the decoders are closed")
        self._tell(death, bytes=len(data), counted=counted)
        if death.cause is ExitCause.KILLED:
            await asyncio.sleep(PAUSE)

    def _tell(self, death: DecoderExit, **image: int) -> None:
        log.warning("decoder.died", cause=death.cause, how=death.how, **image)
        self._on_death(death)

    def _discard(self, decoder: Decoder) -> asyncio.Task[DecoderExit]:
        """Kill it and have it waited for: a process that nobody waits for stays as a zombie."""
        decoder.kill()
        self._all.discard(decoder)
        ending = asyncio.create_task(decoder.ended())
        self._discarded.add(ending)
        ending.add_done_callback(self._discarded.discard)
        return ending

    async def _fill(self) -> None:
        starts = (self._fresh() for _ in range(self._limits.processes))
        started = await asyncio.gather(*starts, return_exceptions=True)
        self._idle += [one for one in started if isinstance(one, Decoder)]
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.deadline / LOOKS)
            for decoder in self._all:
                decoder.look()


class ExclusiveSemaphore:
    """FIFO semaphore of `count` slots that can also be taken exclusively, which blocks later requests."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._turn = asyncio.Lock()
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """One slot, in company."""
        async with self._turn:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        """Every slot: nobody else has one."""
        taken = 0
        async with self._turn:
            try:
                for _ in range(self._count):
                    await self._free.acquire()
                    taken += 1
                yield
            finally:
                for _ in range(taken):
                    self._free.release()


def _deadly(deaths: list[DecoderExit]) -> DeadlyImage:
    times = "once" if len(deaths) == 1 else f"{len(deaths)} times"
    hows = ", ".join(dict.fromkeys(death.how for death in deaths))
    return DeadlyImage(f"decoding it killed its process {times} while nothing else was decoded: {hows}")
