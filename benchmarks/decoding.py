"""`python -m benchmarks.decoding`: what a decoder process costs beside a thread, in CPU of both ends.

Both decode the same photographs in turn, and the difference and the ratio of the medians are what travels:
the figures themselves belong to the machine. `trip` is the way there and back of as many bytes alone, with
nothing decoded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from io import BytesIO
from statistics import median
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.processor import cpu_seconds
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.decoding.threads import DecodingThreads
from model.preprocess import Pixels, Preprocess

SIDES: Final = ((320, 240), (1600, 1200), (2592, 1944), (4000, 3000))
TURNS: Final = 3
AT_ONCE: Final = 16
NOTHING: Final = b"nothing to decode "
BLANK: Final = np.zeros((3, Preprocess().size, Preprocess().size), np.uint8)
ROUNDS: Final = 7

Decode = Callable[[bytes], Awaitable[Pixels]]


def decode(preprocess: Preprocess, data: bytes) -> Pixels:
    """What the processes here decode by: some bytes are a trip and no photograph."""
    return BLANK if data.startswith(NOTHING) else preprocess.decode(data)


async def measure() -> None:
    """Decode a photograph of each size in both ways in turn, and print the medians."""
    preprocess = Preprocess()
    async with (
        DecoderPool(preprocess, DecoderLimits(processes=2), decode="benchmarks.decoding:decode") as pool,
        DecodingThreads(preprocess, 2) as threads,
    ):
        await pool.warm()
        for side in SIDES:
            data = _photograph(side)
            trip = NOTHING + bytes(len(data) - len(NOTHING))
            ways = ((threads.decode, data), (pool.decode, data), (pool.decode, trip))
            costs = [[await _cost(way, given, pool.pids) for way, given in ways] for _ in range(ROUNDS)]
            thread, process, alone = (median(each) for each in zip(*costs, strict=True))
            print(
                f"{len(data) / 1e3:6,.0f} kB: thread {thread / 1e3:6.2f} ms, process {process / 1e3:6.2f} ms,"
                f" ratio {process / thread:.3f}, {process - thread:+,.0f} us of CPU an image;"
                f" trip {alone:,.0f} us"
            )


async def _cost(way: Decode, data: bytes, decoders: Collection[int]) -> float:
    """Microseconds of CPU for one image, of this process and of the decoders; several wait at once."""
    await asyncio.gather(*(way(data) for _ in range(AT_ONCE)))
    started = _cpu(decoders)
    for _ in range(TURNS):
        await asyncio.gather(*(way(data) for _ in range(AT_ONCE)))
    return (_cpu(decoders) - started) / (TURNS * AT_ONCE) * 1e6


def _cpu(others: Collection[int]) -> float:
    return time.process_time() + sum(map(cpu_seconds, others))


def _photograph(size: tuple[int, int]) -> bytes:
    """A JPEG with about as much detail as a camera's."""
    noise = Image.merge("RGB", [Image.effect_noise(size, 60) for _ in range(3)])
    target = BytesIO()
    noise.filter(ImageFilter.GaussianBlur(2)).save(target, "JPEG", quality=88)
    return target.getvalue()


if __name__ == "__main__":
    asyncio.run(measure())
