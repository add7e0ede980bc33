"""Crop search: pictures that are a part of another one, or of its mirror image.

Hashes of the crops of each picture are held against those of whole pictures, and of their mirror images: that
finds what may be. Then the crop is fitted until the pixels agree as well as they can, and only where they do
is one picture a part of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.data import crop_hashes
from model.data.crop_hashes import BITS, SIDE, Box, Greys, Hashes, HashPairs

PHASH: Final = 14
DHASH: Final = 18
"""Bits by which a crop's hashes may differ: wide, for the pixels have the last word."""

AGREEMENT: Final = 0.95
"""Correlation of the pixels of the two, once the crop is fitted."""

BANDS: Final = 6
"""Of a pHash; a pair is looked at where one of them is equal."""

AT_ONCE: Final = 256
TILE: Final = 2**22
STEPS: Final = ((0.05, 0.6), (0.025, 0.8), (0.0125, 0.9))
"""By which the edges of a crop are moved, as shares of the side, and the agreement that is worth it."""

FLAT: Final = 4.0
"""Deviation of grey values; below it a picture shows nothing that could agree."""

COMPARED: Final = 24
"""Pixels of a side of what is compared."""

Places = npt.NDArray[np.intp]


def pairs(greys: Greys) -> Iterator[tuple[int, int]]:
    """The places of pictures of which one is a part of the other, or of its mirror image."""
    turned = greys[:, :, ::-1]
    crops = _joined([crop_hashes.of_crops(some) for some in _chunks(greys)])
    wholes = _joined([crop_hashes.of_wholes(some) for some in _chunks(greys)])
    mirrored = _joined([crop_hashes.of_wholes(some) for some in _chunks(turned)])
    for queries, shown in ((wholes, greys), (mirrored, turned)):
        for (whole, part), crop in _candidates(crops, queries).items():
            if whole != part and _agrees(greys[whole], shown[part], crop_hashes.box(crop)):
                yield whole, part


def _chunks(greys: Greys) -> Iterator[Greys]:
    for start in range(0, len(greys), AT_ONCE):
        yield greys[start : start + AT_ONCE]


def _joined(some: Sequence[HashPairs]) -> HashPairs:
    return HashPairs(
        np.concatenate([each.phashes for each in some]), np.concatenate([each.dhashes for each in some])
    )


def _candidates(crops: HashPairs, queries: HashPairs) -> dict[tuple[int, int], int]:
    """For each whole picture and each part that it may have, the crop whose hashes are nearest."""
    each_has = crops.phashes.shape[1]
    phashes, dhashes = crops.phashes.ravel(), crops.dhashes.ravel()
    asked, beside = queries.phashes.ravel(), queries.dhashes.ravel()
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for places, parts in _buckets(phashes, asked):
        apart = np.bitwise_count(phashes[places][:, None] ^ asked[parts][None, :])
        rows, columns = np.nonzero(apart <= PHASH)
        found, of = places[rows], parts[columns]
        further = np.bitwise_count(dhashes[found] ^ beside[of])
        near = further <= DHASH
        bits = (apart[rows, columns].astype(int) + further)[near]
        for place, part, count in zip(found[near].tolist(), of[near].tolist(), bits.tolist(), strict=True):
            whole, crop = divmod(place, each_has)
            best[whole, part] = min(best.get((whole, part), (count, crop)), (count, crop))
    return {pair: crop for pair, (_, crop) in best.items()}


def _buckets(crops: Hashes, queries: Hashes) -> Iterator[tuple[Places, Places]]:
    """Places of crops and of queries whose hashes are equal in a band, as many as memory has room for."""
    edges = [BITS * band // BANDS for band in range(BANDS + 1)]
    for low, high in pairwise(edges):
        mask = np.uint64((1 << (high - low)) - 1)
        of_crops, of_queries = ((hashes >> np.uint64(low)) & mask for hashes in (crops, queries))
        values = np.unique(of_queries)
        cut, asked = _sorted(of_crops, values), _sorted(of_queries, values)
        for places, parts in zip(cut, asked, strict=True):
            rows = TILE // len(parts) + 1
            for start in range(0, len(places), rows):
                yield places[start : start + rows], parts


def _sorted(keys: Hashes, values: Hashes) -> Iterator[Places]:
    """The places of each of `values` in `keys`."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts, ends = np.searchsorted(ordered, values), np.searchsorted(ordered, values, side="right")
    return (order[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))


def _agrees(whole: npt.NDArray[np.uint8], part: npt.NDArray[np.uint8], box: Box) -> bool:
    """Whether `part` is what stands in `whole` at `box`, or near there."""
    image = Image.fromarray(whole)
    wanted = _normal(Image.fromarray(np.ascontiguousarray(part)), (0.0, 0.0, 1.0, 1.0))
    agreement = _agreement(image, wanted, box)
    for step, promise in STEPS:
        if agreement < promise:
            return False
        for edge, move in product(range(4), (-step, step, -step, step)):
            moved = _moved(box, edge, move)
            if (found := _agreement(image, wanted, moved)) > agreement:
                agreement, box = found, moved
    return agreement >= AGREEMENT


def _moved(box: Box, edge: int, move: float) -> Box:
    at = list(box)
    at[edge] = min(1.0, max(0.0, at[edge] + move))
    return at[0], at[1], at[2], at[3]


def _agreement(image: Image.Image, wanted: npt.NDArray[np.float32], box: Box) -> float:
    return float((_normal(image, box) * wanted).mean())


def _normal(image: Image.Image, box: Box) -> npt.NDArray[np.float32]:
    """Pixels in `box` with a mean of 0 and a deviation of 1; of what is flat all are 0."""
    left, upper, right, lower = (edge * SIDE for edge in box)
    cut = image.resize((COMPARED, COMPARED), Image.Resampling.BILINEAR, box=(left, upper, right, lower))
    pixels = np.asarray(cut, dtype=np.float32)
    deviation = float(pixels.std())
    return (pixels - pixels.mean()) / deviation if deviation >= FLAT else np.zeros_like(pixels)
