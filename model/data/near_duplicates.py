"""Near duplicates: pictures that are the same photograph, resized, compressed again, cropped or mirrored.

Two 64-bit fingerprints a picture: pHash (the signs of the low frequencies of a cosine transform) and dHash
(whether brightness rises from one pixel to the next), as in
https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html. Both must be near, which keeps
apart what is alike to only one of them: menus by their layout, plates by their roundness. Parts and mirror
images are found by `crop_search`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.data import crop_hashes, crop_search
from model.data.crop_hashes import BITS, Hashes
from model.preprocess import Pixels
from schemas.errors import ConfigurationError

ELSE: Final = ", or by its pixels a part or a mirror image"
SIDE: Final = 128
"""Pixels of the picture that the fingerprints are taken of."""

ROWS: Final = 512
"""Pictures of a band that are compared at once; bounds the memory."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one picture; 64 bits each."""

    phash: int
    dhash: int
    grey: bytes = b""
    """The picture in few grey pixels, of which crops and mirror images are made; they are not looked for
    without it."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How many bits may differ for two pictures to be near duplicates."""

    phash: int = 8
    dhash: int = 12

    def __str__(self) -> str:
        return f"pHash within {self.phash} and dHash within {self.dhash} of {BITS} bits{ELSE}"


def fingerprint(pixels: Pixels) -> Fingerprint:
    """Of uint8 (3, S, S). Raises `ConfigurationError` without the `train` extra."""
    try:
        import imagehash  # noqa: PLC0415 - of the extra, and slow to import
    except ModuleNotFoundError as error:
        raise ConfigurationError("imagehash is not installed: pip install 'tagstream[train]'") from error
    grey = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L")
    small = grey.resize((crop_hashes.SIDE, crop_hashes.SIDE), Image.Resampling.BOX)
    return Fingerprint(
        _number(imagehash.phash(grey).hash), _number(imagehash.dhash(grey).hash), small.tobytes()
    )


def groups(fingerprints: Sequence[Fingerprint], nearness: Nearness) -> list[list[int]]:
    """The places of pictures that are near each other, by way of others too; each group in order.

    Not all pairs are compared: two hashes that differ in d bits at most are equal in one of d + 1 bands.
    """
    unique: dict[Fingerprint, list[int]] = {}
    for place, each in enumerate(fingerprints):
        unique.setdefault(each, []).append(place)
    prints = list(unique)
    parents = Forest(len(prints))
    for one, other in chain(_pairs(prints, nearness), _parts(prints)):
        parents.join(one, other)
    found: dict[int, list[int]] = {}
    for number, each in enumerate(prints):
        found.setdefault(parents.root(number), []).extend(unique[each])
    return sorted(sorted(group) for group in found.values() if len(group) > 1)


class Forest:
    """Disjoint sets of 0 to `count` - 1 (union-find with path halving)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, one: int) -> int:
        """The smallest member of the set of `one`."""
        parents = self._parents
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Make one set of the two."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parents[second] = first


def _parts(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Pictures that are a part or a mirror image of another, of those whose pixels are there."""
    places = [place for place, each in enumerate(prints) if each.grey]
    if places:
        pixels = np.frombuffer(b"".join(prints[place].grey for place in places), np.uint8)
        greys = pixels.reshape(len(places), crop_hashes.SIDE, crop_hashes.SIDE)
        yield from ((places[one], places[other]) for one, other in crop_search.pairs(greys))


def _pairs(prints: Sequence[Fingerprint], nearness: Nearness) -> Iterator[tuple[int, int]]:
    phashes = np.array([each.phash for each in prints], np.uint64)
    dhashes = np.array([each.dhash for each in prints], np.uint64)
    for bucket in _buckets(phashes, bands=nearness.phash + 1):
        for start in range(0, len(bucket), ROWS):
            rows = bucket[start : start + ROWS]
            rest = bucket[start:]
            near = _within(phashes, rows, rest, nearness.phash)
            ones, others = np.nonzero(np.triu(near, 1))
            close = np.bitwise_count(dhashes[rows[ones]] ^ dhashes[rest[others]]) <= nearness.dhash
            yield from zip(rows[ones[close]].tolist(), rest[others[close]].tolist(), strict=True)


def _within(
    hashes: Hashes, rows: npt.NDArray[np.intp], others: npt.NDArray[np.intp], bits: int
) -> npt.NDArray[np.bool_]:
    apart: npt.NDArray[np.uint8] = np.bitwise_count(hashes[rows][:, None] ^ hashes[others][None, :])
    return apart <= bits


def _buckets(hashes: Hashes, *, bands: int) -> Iterator[npt.NDArray[np.intp]]:
    """Places whose hashes are equal in a band, two or more at a time."""
    edges = [BITS * band // bands for band in range(bands + 1)]
    for low, high in pairwise(edges):
        keys = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        yield from (bucket for bucket in np.split(order, ends) if len(bucket) > 1)


def _number(bits: npt.NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits.flatten()).tobytes(), "big")
