"""`python -m benchmarks.decoding`: what a decoder process costs beside a thread, in CPU of both ends.

Both decode the same photographs in turn, and the difference and the ratio of the medians are what travels:
the figures themselves belong to the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from io import BytesIO
from statistics import median
from typing import Final

from PIL import Image, ImageFilter

from benchmarks.processor import cpu_seconds
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.decoding.threads import DecodingThreads
from model.preprocess import Pixels, Preprocess

SIDES: Final = ((1600, 1200), (3000, 2250), (4000, 3000))
IMAGES: Final = 30
ROUNDS: Final = 7

Decode = Callable[[bytes], Awaitable[Pixels]]


async def measure() -> None:
    """Decode a photograph of each size in both ways in turn, and print the medians."""
    preprocess = Preprocess()
    async with (
        DecoderPool(preprocess, DecoderLimits(processes=1)) as pool,
        DecodingThreads(preprocess, 1) as threads,
    ):
        await pool.warm()
        (pid,) = pool.pids
        for side in SIDES:
            data = _photograph(side)
            costs = [
                (await _cost(threads.decode, data, pid), await _cost(pool.decode, data, pid))
                for _ in range(ROUNDS)
            ]
            thread, process = (median(each) for each in zip(*costs, strict=True))
            print(
                f"{len(data) / 1e3:6,.0f} kB: thread {thread / 1e3:6.2f} ms, process {process / 1e3:6.2f} ms,"
                f" ratio {process / thread:.3f}, {process - thread:+,.0f} us of CPU an image"
            )


async def _cost(decode: Decode, data: bytes, decoder: int) -> float:
    """Microseconds of CPU for one image, of this process and of the decoder."""
    await decode(data)
    started = _cpu(decoder)
    for _ in range(IMAGES):
        await decode(data)
    return (_cpu(decoder) - started) / IMAGES * 1e6


def _cpu(other: int) -> float:
    return time.process_time() + cpu_seconds(other)


def _photograph(size: tuple[int, int]) -> bytes:
    """A JPEG with about as much detail as a camera's."""
    noise = Image.merge("RGB", [Image.effect_noise(size, 60) for _ in range(3)])
    target = BytesIO()
    noise.filter(ImageFilter.GaussianBlur(2)).save(target, "JPEG", quality=88)
    return target.getvalue()


if __name__ == "__main__":
    asyncio.run(measure())
