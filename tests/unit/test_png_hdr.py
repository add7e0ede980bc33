"""A PNG in PQ or HLG, told so by its cICP, as a screen without HDR shows it."""

from __future__ import annotations

import numpy as np
import pytest

from model.preprocess import Pixels, Preprocess
from tests.unit.png_builders import GREY, PALETTE, RGB, RGB_ALPHA, chunk, png

SIDE = 16
WHITE = 203
"""Of a picture without HDR, in cd/m2 (BT.2408)."""
PQ, HLG = b"\x09\x10\0\x01", b"\x09\x12\0\x01"
NEAR = 5
"""What a step of 8 bits in PQ is, and some rounding."""


def decode(data: bytes) -> Pixels:
    return Preprocess(size=SIDE).decode(data)


def pq(light: float) -> float:
    """The number for a light in cd/m2, by SMPTE ST 2084."""
    power = (light / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def light(shown: int) -> float:
    """In cd/m2, of a number of sRGB where white is `WHITE`."""
    share = shown / 255
    return WHITE * float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)


def flat(shown: int, depth: int, channels: int) -> np.ndarray:
    value = round(pq(light(shown)) * ((1 << depth) - 1))
    return np.full((SIDE, SIDE, channels), value, np.uint16)


@pytest.mark.parametrize("shown", [60, 128, 200])
@pytest.mark.parametrize(
    ("depth", "kind", "channels"), [(8, GREY, 1), (16, GREY, 1), (8, RGB, 3), (16, RGB, 3)]
)
def test_pq_that_is_no_brighter_than_white_is_what_it_was_without_hdr(
    depth: int, kind: int, channels: int, shown: int
) -> None:
    found = decode(png(flat(shown, depth, channels), depth, kind, before=[chunk(b"cICP", PQ)]))
    assert np.abs(found.astype(int) - shown).max() <= NEAR


def test_hlg_s_white_is_white() -> None:
    """75 % of it, by BT.2408."""
    samples = np.full((SIDE, SIDE, 3), round(0.75 * 65_535), np.uint16)
    assert decode(png(samples, 16, RGB, before=[chunk(b"cICP", HLG)])).min() >= 255 - NEAR


def test_a_palette_in_pq_is_mapped_too() -> None:
    entries = chunk(b"PLTE", bytes(flat(128, 8, 3)[0, 0].astype(np.uint8)))
    found = decode(png(np.zeros((SIDE, SIDE), np.uint8), 8, PALETTE, before=[chunk(b"cICP", PQ), entries]))
    assert np.abs(found.astype(int) - 128).max() <= NEAR


@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_transparent_stays_so(depth: int) -> None:
    samples = flat(128, depth, 3)
    samples[:4] = 1
    key = chunk(b"tRNS", b"\0\1" * 3)
    found = decode(png(samples, depth, RGB, before=[chunk(b"cICP", PQ), key]))
    assert (found[:, :4] == 255).all()
    assert np.abs(found[:, 4:].astype(int) - 128).max() <= NEAR
    clear = np.zeros((SIDE, SIDE, 4), np.uint8)
    assert (decode(png(clear, 8, RGB_ALPHA, before=[chunk(b"cICP", PQ)])) == 255).all()


@pytest.mark.parametrize(
    "told", [chunk(b"cICP", PQ, sum_off=1), chunk(b"cICP", PQ[:3]), chunk(b"cICP", PQ + b"\0")]
)
def test_a_cicp_that_is_damaged_says_nothing(told: bytes) -> None:
    samples = flat(128, 8, 3)
    assert (decode(png(samples, 8, RGB, before=[told])) == samples[0, 0, 0]).all()
