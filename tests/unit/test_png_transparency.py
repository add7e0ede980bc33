"""One transparent colour in a PNG, in every depth and colour type: white where it is, and nowhere else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from model.preprocess import Pixels, Preprocess
from tests.unit.png_builders import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    Samples,
    chunk,
    png,
)

SIDE = 8
RANDOM = np.random.default_rng(0)


def decode(data: bytes) -> Pixels:
    return Preprocess(size=SIDE).decode(data)


def noise(depth: int, channels: int = 1) -> Samples:
    return RANDOM.integers(0, 1 << depth, (SIDE, SIDE, channels), dtype=np.uint16)


def key(*values: int) -> bytes:
    return chunk(b"tRNS", b"".join(value.to_bytes(2, "big") for value in values))


def right(shown: Samples, clear: npt.NDArray[np.bool_]) -> Samples:
    """Planes of `shown`, (rows, columns, 1 or 3), white where it is `clear`."""
    colours = np.broadcast_to(shown, (SIDE, SIDE, 3))
    return np.where(clear[..., None], 255, colours).transpose(2, 0, 1)


@pytest.mark.parametrize("in_passes", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_is_compared_in_its_own_bits(depth: int, in_passes: bool) -> None:  # noqa: FBT001 - a case
    samples = noise(depth)
    for value in {int(each) for each in samples.reshape(-1)[:9]}:
        found = decode(png(samples, depth, GREY, before=[key(value)], in_passes=in_passes))
        shown = samples * (255 // ((1 << depth) - 1))
        assert (found == right(shown, samples[..., 0] == value)).all(), value


@pytest.mark.parametrize("in_passes", [False, True])
def test_a_transparent_grey_of_16_bits_is_compared_in_all_of_them(in_passes: bool) -> None:  # noqa: FBT001 - a case
    samples = noise(16)
    samples[:4] = 12_345
    samples[4] = 12_344  # the same in 8 bits
    found = decode(png(samples, 16, GREY, before=[key(12_345)], in_passes=in_passes))
    clear = samples[..., 0] == 12_345
    assert clear.sum() >= 4 * SIDE
    assert (found == right(samples // 257, clear)).all()


@pytest.mark.parametrize("in_passes", [False, True])
def test_a_transparent_colour_of_8_bits(in_passes: bool) -> None:  # noqa: FBT001 - a case
    samples = noise(8, 3)
    samples[:4], samples[4] = (10, 20, 30), (10, 20, 31)
    found = decode(png(samples, 8, RGB, before=[key(10, 20, 30)], in_passes=in_passes))
    assert (found == right(samples, (samples == (10, 20, 30)).all(axis=2))).all()


@pytest.mark.parametrize("in_passes", [False, True])
@pytest.mark.parametrize("channel", range(3))
def test_a_transparent_colour_of_16_bits_is_compared_in_all_of_them(channel: int, in_passes: bool) -> None:  # noqa: FBT001 - a case
    samples = noise(16, 3)
    samples[:4] = samples[4] = (1_000, 2_000, 3_000)
    samples[4, :, channel] ^= 1  # the same in 8 bits
    found = decode(png(samples, 16, RGB, before=[key(1_000, 2_000, 3_000)], in_passes=in_passes))
    clear = (samples == (1_000, 2_000, 3_000)).all(axis=2)
    assert not clear[4].any()
    assert (found == right(samples >> 8, clear)).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_may_be_clear_in_part_and_for_its_first_entries_only(depth: int) -> None:
    count = 1 << depth
    colours = RANDOM.integers(0, 256, (count, 3), dtype=np.uint8)
    alphas = RANDOM.integers(0, 256, max(1, count - 3), dtype=np.uint8)
    alphas[0] = 0
    samples = noise(depth)
    before = [chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", alphas.tobytes())]
    found = decode(png(samples, depth, PALETTE, before=before)).astype(int)
    every = np.append(alphas, [255] * (count - len(alphas))).astype(int)[samples]
    wanted = (colours[samples[..., 0]] * every + 255 * (255 - every)) / 255
    assert np.abs(found - wanted.transpose(2, 0, 1)).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_more_alphas_than_colours_clear_none_of_them(depth: int) -> None:
    count = 1 << depth
    colours = RANDOM.integers(0, 256, (count, 3), dtype=np.uint8)
    samples = noise(depth)
    before = [chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", bytes(count + 1))]
    found = decode(png(samples, depth, PALETTE, before=before))
    assert (found == colours[samples[..., 0]].transpose(2, 0, 1)).all()


def test_bits_above_the_depth_do_not_count_as_in_libpng() -> None:
    samples = noise(4)
    found = decode(png(samples, 4, GREY, before=[key(0xFFF3)]))
    assert (found == right(samples * 17, samples[..., 0] == 3)).all()


@pytest.mark.parametrize(
    ("depth", "kind", "channels", "body"),
    [
        (8, GREY, 1, b""),
        (8, GREY, 1, b"\0"),
        (16, GREY, 1, b"\0\0\0"),
        (8, RGB, 3, b"\0\0"),
        (16, RGB, 3, bytes(5)),
        (8, GREY_ALPHA, 2, bytes(2)),
        (16, GREY_ALPHA, 2, bytes(2)),
        (8, RGB_ALPHA, 4, bytes(6)),
        (16, RGB_ALPHA, 4, bytes(6)),
    ],
)
def test_a_transparent_colour_of_the_wrong_length_is_none(
    depth: int, kind: int, channels: int, body: bytes
) -> None:
    samples = noise(depth, channels) >> 1 << 1
    assert (
        decode(png(samples, depth, kind, before=[chunk(b"tRNS", body)])) == decode(png(samples, depth, kind))
    ).all()


def test_of_two_transparent_colours_the_first_counts_and_none_behind_the_pixels() -> None:
    samples = noise(8)
    one, other = (int(each) for each in samples[0, :2, 0])
    assert one != other
    found = decode(png(samples, 8, GREY, before=[key(one), key(other)], after=[key(other)]))
    assert (found == right(samples, samples[..., 0] == one)).all()
    assert (decode(png(samples, 8, GREY, after=[key(one)])) == right(samples, samples[..., 0] > 255)).all()


@pytest.mark.parametrize(("kind", "channels"), [(RGB, 3), (RGB_ALPHA, 4), (GREY_ALPHA, 2)])
def test_without_a_transparent_colour_16_bits_keep_their_upper_half(kind: int, channels: int) -> None:
    samples = noise(16, channels)
    if kind != RGB:
        samples[..., -1] = 65_535
    colours = samples[..., :-1] if kind != RGB else samples
    assert (decode(png(samples, 16, kind)) == right(colours >> 8, np.zeros((SIDE, SIDE), bool))).all()
