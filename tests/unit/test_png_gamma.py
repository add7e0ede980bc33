"""A PNG whose numbers are not sRGB's, as its gAMA says, comes out as bright as it is meant."""

from __future__ import annotations

import zlib
from struct import pack

import numpy as np
import numpy.typing as npt
import pytest

from model.preprocess import Pixels, Preprocess
from tests.unit.png_builders import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA, Samples, chunk, png

SIDE = 16
RAMP = np.arange(256, dtype=np.uint8).reshape(SIDE, SIDE, 1)


def decode(data: bytes) -> Pixels:
    return Preprocess(size=SIDE).decode(data)


def gama(value: float) -> bytes:
    return chunk(b"gAMA", pack(">I", round(value * 100_000)))


def linear(shown: Samples, levels: int) -> Samples:
    """The numbers of linear light that look like `shown` in 8 bits of sRGB."""
    share = shown / 255
    light: npt.NDArray[np.float64] = np.where(
        share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4
    )
    words: Samples = np.rint(light * (levels - 1)).astype(np.uint16)
    return words


def planes(shown: Samples) -> Samples:
    return np.broadcast_to(shown, (SIDE, SIDE, 3)).transpose(2, 0, 1)


@pytest.mark.parametrize(("kind", "channels"), [(GREY, 1), (RGB, 3), (GREY_ALPHA, 2), (RGB_ALPHA, 4)])
def test_linear_light_in_16_bits_comes_out_exact(kind: int, channels: int) -> None:
    shown = np.repeat(RAMP, channels, axis=2)
    samples = linear(shown, 65_536)
    if kind in (GREY_ALPHA, RGB_ALPHA):
        samples[..., -1] = 65_535
    found = decode(png(samples, 16, kind, before=[gama(1)]))
    assert (found == planes(RAMP)).all()


@pytest.mark.parametrize(
    ("gamma", "sample", "shown"),
    [(1, 55, 128), (1, 1, 13), (1, 0, 0), (1, 255, 255), (0.7, 100, 140), (2.5, 1, 93), (0.35, 128, 104)],
)
@pytest.mark.parametrize("kind", [GREY, RGB, GREY_ALPHA, RGB_ALPHA])
def test_a_gamma_in_8_bits(kind: int, gamma: float, sample: int, shown: int) -> None:
    """The numbers by hand: sRGB's curve over (sample / 255) ** (1 / gamma)."""
    colours = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}[kind]
    samples = np.full((SIDE, SIDE, colours), sample, np.uint8)
    if kind in (GREY_ALPHA, RGB_ALPHA):
        samples[..., -1] = 255
    assert set(decode(png(samples, 8, kind, before=[gama(gamma)])).reshape(-1).tolist()) == {shown}


@pytest.mark.parametrize("depth", [2, 4])
def test_a_gamma_in_less_than_8_bits(depth: int) -> None:
    samples = (RAMP >> (8 - depth)).astype(np.uint8)
    scaled = samples.astype(int) * (255 // ((1 << depth) - 1))
    shown = decode(png(scaled, 8, GREY, before=[gama(1)]))
    assert (decode(png(samples, depth, GREY, before=[gama(1)])) == shown).all()


def test_a_palette_is_in_that_gamma_and_its_clear_entries_stay_clear() -> None:
    colours = np.full((2, 3), 55, np.uint8)
    samples = np.zeros((SIDE, SIDE), np.uint8)
    samples[: SIDE // 2] = 1
    before = [gama(1), chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", b"\0")]
    found = decode(png(samples, 8, PALETTE, before=before))
    assert set(found[:, : SIDE // 2].reshape(-1).tolist()) == {128}
    assert set(found[:, SIDE // 2 :].reshape(-1).tolist()) == {255}


@pytest.mark.parametrize(("depth", "kind"), [(8, GREY), (16, GREY), (8, RGB), (16, RGB)])
def test_a_transparent_colour_is_compared_as_it_stands_in_the_file(depth: int, kind: int) -> None:
    """1 and 0 become one and the same only after the gamma."""
    count = {GREY: 1, RGB: 3}[kind]
    samples = np.zeros((SIDE, SIDE, count), np.uint16)
    samples[: SIDE // 2] = 1
    before = [gama(0.2), chunk(b"tRNS", b"\0\1" * count)]
    found = decode(png(samples, depth, kind, before=before))
    assert (found[:, : SIDE // 2] == 255).all()
    assert (found[:, SIDE // 2 :] == 0).all()


def test_alpha_has_no_gamma() -> None:
    samples = np.zeros((SIDE, SIDE, 4), np.uint8)
    samples[..., 3] = 55
    assert set(decode(png(samples, 8, RGB_ALPHA, before=[gama(1)])).reshape(-1).tolist()) == {200}


PROFILE = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200)))
UNCHANGED = {
    "none": [],
    "sRGB's": [gama(0.45455)],
    "near sRGB's": [gama(0.4400)],
    "a little above": [gama(0.4700)],
    "sRGB": [gama(1), chunk(b"sRGB", b"\0")],
    "a profile": [PROFILE, gama(1)],
    "cICP": [gama(1), chunk(b"cICP", b"\x01\x0d\0\x01")],
    "zero": [gama(0)],
    "absurdly small": [gama(0.00001)],
    "absurdly large": [gama(40_000)],
    "cut short": [chunk(b"gAMA", b"\0\1")],
    "too long": [chunk(b"gAMA", pack(">I", 100_000) + b"\0")],
    "a wrong checksum": [chunk(b"gAMA", pack(">I", 100_000), sum_off=1)],
}


@pytest.mark.parametrize("kind", [GREY, RGB])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("case", UNCHANGED)
def test_what_is_srgb_or_is_told_otherwise_or_cannot_be_meant_stays_as_it_is(
    case: str, depth: int, kind: int
) -> None:
    samples = np.repeat(RAMP, {GREY: 1, RGB: 3}[kind], axis=2).astype(np.uint16)
    samples = samples * 257 if depth == 16 else samples
    assert (decode(png(samples, depth, kind, before=UNCHANGED[case])) == planes(RAMP)).all()


def test_a_gamma_behind_the_pixels_does_not_count_and_of_two_the_first_does() -> None:
    samples = np.full((SIDE, SIDE, 3), 55, np.uint8)
    assert (decode(png(samples, after=[gama(1)])) == 55).all()
    assert (decode(png(samples, before=[gama(1), gama(0.45455)])) == 128).all()


def test_the_light_is_mixed_in_srgb_as_everywhere() -> None:
    """The gamma goes first, then the reduction: as a browser shows it and scales that."""
    samples = np.zeros((SIDE, SIDE, 3), np.uint8)
    samples[::2] = 255
    half = Preprocess(size=2).decode(png(samples, before=[gama(1)]))
    assert (half == Preprocess(size=2).decode(png(samples))).all()
