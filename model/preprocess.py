"""Preprocessing, bytes to pixels, written once: training and serving decode with this and cannot drift apart.

No torch in here: decoding runs in worker threads beside the event loop. Normalisation is left to
the device, so that a quarter of the bytes travel there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from model import rendition, small_jpeg
from model.formats import colour, heif
from model.formats.opening import FORMATS, opened, orientation
from model.formats.picture_file import PictureFile
from model.refusals import damage, signatures
from schemas.errors import ConfigurationError, ForeignFormat, TagstreamError, TooManyPixels, Undecodable
from schemas.photograph_facts import PhotographFacts
from schemas.rendition_recipe import RenditionRecipe

T = TypeVar("T")
Box = tuple[float, float, float, float]

Pixels = npt.NDArray[np.uint8]
"""One image, RGB, shape (3, S, S), 0 to 255."""

MAX_PIXELS: Final = 89_000_000
"""Default cap of what is decoded. Pillow itself begins to warn at 89,478,485, so the cap stays below that."""

MAX_SIDE: Final = 65_535
"""What a JPEG can have. Where the bits of a row do not fit an int Pillow says that memory has run out, and a
worker stops for that, though it was the file's fault."""

MAX_MESSAGE: Final = 500
"""Characters of a refusal; it goes into headers and logs."""

OVERSAMPLE: Final = 2
"""A JPEG is drafted to no less than this many times the input, so that the last step antialiases."""

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the turn that undoes it."""

SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""Orientations of photographs that are as wide as their files are high."""


class Fit(StrEnum):
    """How an oblong image becomes a square."""

    SQUASH = "squash"
    """The whole image, each side scaled by itself: nothing at the edges is lost."""
    CROP = "crop"
    """The centre square."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """What came out of one file."""

    pixels: Pixels
    rendition: bytes | None = None
    """The photograph made small; None where that was not asked for, or it has none."""
    facts: PhotographFacts | None = None
    """None where whoever decodes does not say."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a file becomes a model's input. Thread safe: it holds no state."""

    size: int = 224
    fit: Fit = Fit.SQUASH
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if not 0 < self.max_pixels <= MAX_PIXELS:
            raise ConfigurationError(f"max_pixels must be 1 to {MAX_PIXELS:,}, not {self.max_pixels:,}")

    def decode(self, data: bytes) -> Pixels:
        """The image in `data`, upright, on white, reduced with antialiasing to (3, size, size).

        Raises `Undecodable` (empty, foreign, damaged, cut short, made of too many pieces) or `TooManyPixels`
        (told from the header, before a pixel is decoded); its message is one line of at most 500 characters.
        """
        return self.decode_and_reduce(data, None).pixels

    def decode_and_reduce(self, data: bytes, recipe: RenditionRecipe | None) -> DecodedImage:
        """The same pixels, and the rendition by `recipe` out of the same decoded photograph.

        Raises as `decode` does, for the same files: no photograph is refused for its rendition.
        """
        return self._refusing(data, lambda: self._decoded(data, recipe))

    def thumbnail(self, data: bytes, side: int) -> bytes:
        """The whole photograph in `data`, upright, on white, its longer side at most `side`: a JPEG of ours.

        It is never enlarged, and nothing of the file but its pixels is in it. Raises as `decode` does.
        """
        return self._refusing(data, lambda: self._small(data, side))

    def _refusing(self, data: bytes, work: Callable[[], T]) -> T:
        """What `work` makes of the file; what it raises as a refusal of the file."""
        if not data:
            raise Undecodable("the file is empty (0 bytes)")
        try:
            return work()
        except (TagstreamError, MemoryError):
            raise
        except UnidentifiedImageError as error:
            kind = Undecodable if signatures.begins_as(data) else ForeignFormat
            raise kind(signatures.foreign(data, FORMATS)) from error
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise TooManyPixels(f"{_count(error)} pixels; the cap is {self.max_pixels:,}") from error
        except Exception as error:  # Pillow raises a dozen kinds, and they differ by format and version
            raise Undecodable(_line(damage.told(error, data))) from error

    def _decoded(self, data: bytes, recipe: RenditionRecipe | None) -> DecodedImage:
        with opened(BytesIO(data)) as image:
            size, form = image.size, image.format or ""  # a draft is of another size
            image.draft(None, (self.size * OVERSAMPLE, self.size * OVERSAMPLE))
            self._refuse_bomb(image)
            image.load()
            picture, turn = colour.rgb(image), orientation(image)
            pixels = _planes(_upright(self._square(picture), turn))
            small = _rendition(picture, turn, recipe) if recipe else None
            return DecodedImage(pixels, small, _facts(size, turn, form))

    def _small(self, data: bytes, side: int) -> bytes:
        with opened(BytesIO(data)) as image:
            width, height = small_jpeg.fitted(image.size, side)
            image.draft(None, small_jpeg.spared((width, height)))
            self._refuse_bomb(image)
            picture = small_jpeg.reduced(colour.rgb(image), (width, height))
            return small_jpeg.encoded(_upright(picture, orientation(image)))

    def _refuse_bomb(self, image: PictureFile) -> None:
        width, height = image.largest or image.size
        cap = self._cap(image)
        if max(width, height) > MAX_SIDE:
            raise TooManyPixels(f"{width:,} x {height:,} pixels; no side may have more than {MAX_SIDE:,}")
        if width * height > cap:
            raise TooManyPixels(f"{width:,} x {height:,} pixels; the cap is {cap:,}")

    def _cap(self, image: PictureFile) -> int:
        """Pixels that may be decoded; the default is made for formats that take more memory for each."""
        return heif.MAX_PIXELS if image.is_lean and self.max_pixels == MAX_PIXELS else self.max_pixels

    def _square(self, image: Image.Image) -> Image.Image:
        # Before the turn: a square that keeps its centre is cheaper to turn than the whole image.
        box = _centre(image.size) if self.fit is Fit.CROP else None
        return image.resize((self.size, self.size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)


def _centre(size: tuple[int, int]) -> Box:
    width, height = size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _facts(size: tuple[int, int], orientation: int, form: str) -> PhotographFacts:
    width, height = reversed(size) if orientation in SIDEWAYS else size
    return PhotographFacts(width, height, form.lower())


def _rendition(picture: Image.Image, orientation: int, recipe: RenditionRecipe) -> bytes | None:
    try:
        small = rendition.reduced(picture, recipe)
        return None if small is None else rendition.encoded(_upright(small, orientation), recipe)
    except (OSError, ValueError):  # of Pillow and of the encoder: the pixels are good all the same
        return None


def _planes(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))


def _count(error: Exception) -> str:
    """The pixels that Pillow counted before it refused a file; its own words accuse whoever took it."""
    found = re.search(r"\d+", str(error))
    return f"{int(found[0]):,}" if found else "too many"


def _line(message: str) -> str:
    """`message` in one line of what can be printed, not too long: a decoder may quote what the file says."""
    printable = "".join(each if each.isprintable() else " " for each in message)
    return " ".join(printable.split())[:MAX_MESSAGE]
