"""Photograph inspection by the decoder that serves: can it be read, how large, like which others.

Decoding happens wherever the `Decodes` that is given does it: `model.decoding.pool` in processes that may die
of a hostile file, `model.decoding.threads` here. Nothing of a picture is kept but its facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol

from model.data import gather, near_duplicates
from model.data.entries import Entry, Refusal, RefusalCause
from model.data.near_duplicates import Fingerprint
from model.data.progress import Tick, silent
from model.formats.opening import opened, orientation
from model.preprocess import Pixels, Preprocess
from schemas.errors import Rejected

LARGEST: Final = 64 * 2**20
"""Bytes of a file; as the workers' own default."""

SMALLEST: Final = 64
"""Pixels of the shorter side: below it a photograph is an icon."""

AT_ONCE: Final = 2
"""Photographs in memory for each decoder: one that is decoded, one that is ready for it."""

PREPROCESS: Final = Preprocess(size=near_duplicates.SIDE)

SUFFIXES: Final = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "AVIF": ".avif",
    "HEIF": ".heic",
    "TIFF": ".tif",
    "BMP": ".bmp",
}
"""By format: in a snapshot a picture is named for what it is, whatever its file was called."""


class Decodes(Protocol):
    """Who decodes: a `DecoderPool` or `DecodingThreads` of `PREPROCESS`, entered."""

    async def decode(self, data: bytes) -> Pixels:
        """Pixels, uint8 (3, S, S); raises `Rejected`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A photograph that can be read, and its facts."""

    found: Entry
    sha256: str
    bytes: int
    width: int
    """Upright, in pixels."""
    height: int
    suffix: str
    print: Fingerprint


@dataclass(frozen=True, slots=True)
class Frame:
    """What the header of an image says; `width` and `height` are of the upright image."""

    width: int
    height: int
    format: str


async def inspect(
    found: Sequence[Entry], *, by: Decodes, at_once: int, smallest: int = SMALLEST, tick: Tick = silent
) -> list[Seen | Refusal]:
    """What became of each, in the order given; at most `at_once` in memory.

    Raises what is no fault of a photograph: `Broken`, `ConfigurationError`.
    """
    answers: dict[int, Seen | Refusal] = {}

    async def look(item: tuple[int, Entry]) -> None:
        answers[item[0]] = await _one(item[1], by=by, smallest=smallest)
        tick("looking at the photographs", len(answers), len(found))

    await gather.gather_bounded(enumerate(found), look, at_once=at_once)
    return [answers[place] for place in range(len(found))]


def frame(data: bytes) -> Frame:
    """Of an image that was decoded before; raises what Pillow does."""
    with opened(BytesIO(data)) as image:
        width, height = image.size
        lies = orientation(image) in {5, 6, 7, 8}
        return Frame(*((height, width) if lies else (width, height)), format=image.format or "")


async def _one(found: Entry, *, by: Decodes, smallest: int) -> Seen | Refusal:
    try:
        data = await asyncio.to_thread(read, found)
        pixels = await by.decode(data)
        return await asyncio.to_thread(_seen, found, data, pixels, smallest=smallest)
    except FileNotFoundError:
        return Refusal(found.place, RefusalCause.MISSING, "there is no such file")
    except OSError as error:
        return Refusal(found.place, RefusalCause.UNREADABLE, error.strerror or str(error))
    except Rejected as error:
        return Refusal(found.place, RefusalCause.UNREADABLE, str(error))


def read(found: Entry) -> bytes:
    """The photograph's bytes; raises `OSError`, also for more than `LARGEST`."""
    path = found.photograph.path
    if isinstance(path, Path):  # looked at before it is in memory
        _refuse_large(path.stat().st_size)
    data = path.read_bytes()
    _refuse_large(len(data))
    return data


def _refuse_large(size: int) -> None:
    if size > LARGEST:
        raise OSError(f"{size:,} bytes; the cap is {LARGEST:,}")


def _seen(found: Entry, data: bytes, pixels: Pixels, *, smallest: int) -> Seen | Refusal:
    try:
        about = frame(data)
    except Exception as error:  # noqa: BLE001 - its pixels are good; what Pillow says of its header may be anything
        return Refusal(found.place, RefusalCause.UNREADABLE, f"its header: {error or type(error).__name__}")
    if min(about.width, about.height) < smallest:
        size = f"{about.width} x {about.height} pixels; the shorter side must have {smallest}"
        return Refusal(found.place, RefusalCause.TOO_SMALL, size)
    return Seen(
        found=found,
        sha256=sha256(data).hexdigest(),
        bytes=len(data),
        width=about.width,
        height=about.height,
        suffix=SUFFIXES[about.format],
        print=near_duplicates.fingerprint(pixels),
    )
