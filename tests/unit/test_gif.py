"""The first frame of a GIF on its screen, as browsers show it, whatever stands in front of it."""

from __future__ import annotations

from struct import pack

import numpy as np
import pytest

from model.formats.gif_blocks import MAX_BLOCKS, SCREEN
from model.preprocess import Pixels, Preprocess
from schemas.errors import TooManyPixels, Undecodable
from tests.unit.gif_builders import PALETTE, TRAILER, Indices, control, extension, frame, gif

SIDE = 16
INDICES = np.random.default_rng(0).integers(0, 64, (SIDE, SIDE), dtype=np.uint8)
SCREEN_SIZE = (SIDE, SIDE)
OTHER = frame(np.full((SIDE, SIDE), 5, np.uint8))


def decode(data: bytes) -> Pixels:
    return Preprocess(size=SIDE).decode(data)


def planes(indices: Indices, palette: Indices = PALETTE) -> Pixels:
    return np.ascontiguousarray(palette[indices].transpose(2, 0, 1))


def shows_the_photograph(data: bytes) -> bool:
    return bool((decode(data) == planes(INDICES)).all())


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("magic", [b"GIF87a", b"GIF89a"])
def test_the_first_frame_counts(magic: bytes, interlaced: bool) -> None:  # noqa: FBT001 - a case
    data = gif(SCREEN_SIZE, frame(INDICES, interlaced=interlaced), control(), OTHER, magic=magic)
    assert shows_the_photograph(data)


@pytest.mark.parametrize("disposal", range(8))
@pytest.mark.parametrize("background", [0, 1, 63, 255])
def test_what_the_first_frame_leaves_of_the_screen_is_white(background: int, disposal: int) -> None:
    """Whatever the header calls the background; another frame would cover it later."""
    part = INDICES[:6, :9]
    wanted = np.full((3, SIDE, SIDE), 255, np.uint8)
    wanted[:, 7:13, 3:12] = planes(part)
    shown = frame(part, at=(3, 7))
    assert (
        decode(gif(SCREEN_SIZE, control(disposal=disposal), shown, OTHER, background=background)) == wanted
    ).all()


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_transparent_index_is_white_within_the_frame_and_around_it(interlaced: bool) -> None:  # noqa: FBT001 - a case
    part = INDICES[:6, :9]
    clear = int(part[2, 2])
    wanted = np.full((3, SIDE, SIDE), 255, np.uint8)
    wanted[:, 7:13, 3:12] = np.where(part == clear, 255, planes(part))
    shown = frame(part, at=(3, 7), interlaced=interlaced)
    assert (decode(gif(SCREEN_SIZE, control(clear), shown, background=clear)) == wanted).all()
    whole = decode(gif(SCREEN_SIZE, control(clear), frame(INDICES), background=3))
    assert (whole == np.where(clear == INDICES, 255, planes(INDICES))).all()


def test_the_last_control_in_front_of_the_frame_counts() -> None:
    clear = int(INDICES[0, 0])
    data = gif(SCREEN_SIZE, control(clear), extension(0xFE, b"soup"), control(), frame(INDICES))
    assert shows_the_photograph(data)


def test_a_screen_that_is_too_small_for_its_first_frame_grows() -> None:
    for screen in ((1, 1), (0, 0), (SIDE, 2), (3, SIDE)):
        assert shows_the_photograph(gif(screen, frame(INDICES))), screen
    wanted = np.full((3, SIDE, SIDE), 255, np.uint8)
    wanted[:, 4:, 4:] = planes(INDICES[:12, :12])
    assert (decode(gif((8, 8), frame(INDICES[:12, :12], at=(4, 4)))) == wanted).all()


def test_a_palette_of_its_own_goes_first() -> None:
    own = PALETTE[::-1]
    data = gif(SCREEN_SIZE, frame(INDICES, palette=own.tobytes()))
    assert (decode(data) == planes(INDICES, own)).all()
    alone = gif(SCREEN_SIZE, frame(INDICES, palette=own.tobytes()), palette=b"")
    assert (decode(alone) == planes(INDICES, own)).all()


def test_without_any_palette_it_is_grey() -> None:
    data = gif(SCREEN_SIZE, frame(INDICES), palette=b"")
    assert (decode(data) == INDICES).all()


APPLICATION = extension(0xFF, b"NETSCAPE2.0", b"\1\0\0")
BROKEN = {
    "a comment of nothing": extension(0xFE),
    "a comment without an end": extension(0xFE, b"soup", end=b""),
    "a comment that is cut short": b"!\xfe\x40soup",
    "a comment that is longer than it says": b"!\xfe\x02soup of the day\0",
    "a comment with a trailer in what it does not say": b"!\xfe\x02so; up, as it were;\0",
    "an application of nothing": extension(0xFF),
    "an application without an end": APPLICATION[:-1],
    "an application whose name is cut short": extension(0xFF, b"NETS"),
    "an application without a length": b"!\xff",
    "a loop of nothing": extension(0xFF, b"NETSCAPE2.0", b""),
    "a loop of a byte": extension(0xFF, b"NETSCAPE2.0", b"\1"),
    "a control of nothing": extension(0xF9),
    "a control of a byte": extension(0xF9, b"\1"),
    "a control of three bytes": extension(0xF9, b"\1\0\0"),
    "a control without an end": control()[:-1],
    "a plain text of nothing": extension(0x01),
    "an extension of no kind": extension(0x77, b"\xff" * 200),
    "zeros": bytes(20),
    "a comment of 2 MB": extension(0xFE, *[b"x" * 255] * 8_000),
}


@pytest.mark.parametrize("case", BROKEN)
def test_no_fault_of_what_stands_in_front_of_the_frame_costs_it(case: str) -> None:
    assert shows_the_photograph(gif(SCREEN_SIZE, BROKEN[case], frame(INDICES), OTHER))
    after = gif(SCREEN_SIZE, frame(INDICES), BROKEN[case], end=())
    assert shows_the_photograph(after), "behind it"


@pytest.mark.parametrize("case", BROKEN)
def test_of_a_frame_behind_something_broken_the_transparent_index_counts(case: str) -> None:
    clear = int(INDICES[0, 0])
    found = decode(gif(SCREEN_SIZE, BROKEN[case], control(clear), frame(INDICES)))
    assert (found == np.where(clear == INDICES, 255, planes(INDICES))).all()


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_first_frame_is_not_taken_for_the_second(case: str) -> None:
    hurt = frame(INDICES)[:-60] + b"\0"
    with pytest.raises(Undecodable):
        decode(gif(SCREEN_SIZE, BROKEN[case], hurt, OTHER))


def test_a_missing_trailer_costs_nothing_and_neither_does_what_follows_it() -> None:
    assert shows_the_photograph(gif(SCREEN_SIZE, frame(INDICES), end=()))
    assert shows_the_photograph(gif(SCREEN_SIZE, frame(INDICES))[:-2]), "nor the end of the frame"
    assert shows_the_photograph(gif(SCREEN_SIZE, frame(INDICES), end=(TRAILER, bytes(1_000), OTHER)))
    assert shows_the_photograph(gif(SCREEN_SIZE, frame(INDICES), b"no block at all"))


def test_a_frame_that_is_cut_short_is_refused_wherever_it_is_cut() -> None:
    whole = gif(SCREEN_SIZE, control(), frame(INDICES), end=())
    for length in range(6, len(whole) - 4):
        with pytest.raises(Undecodable):
            decode(whole[:length])


@pytest.mark.parametrize("size", [(0, 0), (0, SIDE), (SIDE, 0)])
def test_a_first_frame_without_a_pixel_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Undecodable, match=f"first frame has {size[0]} x {size[1]} pixels"):
        decode(gif(SCREEN_SIZE, frame(INDICES[:1, :1], size=size), OTHER))


def test_no_frame_at_all_is_refused() -> None:
    for data in (
        gif(SCREEN_SIZE),
        gif(SCREEN_SIZE, control(), APPLICATION),
        gif(SCREEN_SIZE, b"!\xfe\x40soup"),
    ):
        with pytest.raises(Undecodable, match="its picture is missing"):
            decode(data)


def test_a_screen_or_a_frame_beyond_the_cap_is_told_before_a_pixel_is_decoded() -> None:
    with pytest.raises(TooManyPixels, match=r"3,600,000,000|60,000 x 60,000"):
        decode(gif((60_000, 60_000), frame(INDICES)))
    with pytest.raises(TooManyPixels):
        decode(gif(SCREEN_SIZE, frame(INDICES, size=(60_000, 60_000))))
    with pytest.raises(TooManyPixels, match="no side"):
        decode(gif(SCREEN_SIZE, frame(INDICES, at=(65_530, 0))))


def test_as_many_blocks_as_may_be_in_front_of_the_frame_and_not_one_more() -> None:
    """The extension itself is one of them."""
    assert shows_the_photograph(gif(SCREEN_SIZE, extension(0xFE, *[b"x"] * (MAX_BLOCKS - 1)), frame(INDICES)))
    assert shows_the_photograph(gif(SCREEN_SIZE, bytes(MAX_BLOCKS), frame(INDICES)))
    for storm in (extension(0xFE, *[b"x"] * MAX_BLOCKS), bytes(MAX_BLOCKS + 1)):
        with pytest.raises(Undecodable, match="65,536 blocks"):
            decode(gif(SCREEN_SIZE, storm, frame(INDICES)))


def test_a_search_among_starts_of_frames_is_given_up_in_time() -> None:
    start = b"," + pack("<HHHHB", 1, 1, SIDE, SIDE, 0) + b"\6" + b"\1x" * 500
    with pytest.raises((Undecodable, TooManyPixels)):
        decode(gif(SCREEN_SIZE, b"\1" + start * 20_000, end=()))
    with pytest.raises((Undecodable, TooManyPixels)):
        decode(gif(SCREEN_SIZE, b"\1" + b"," * 5_000_000, end=()))


def test_a_header_that_is_cut_short_is_told() -> None:
    for length in range(6, SCREEN.size):
        with pytest.raises(Undecodable, match="cut short"):
            decode(gif(SCREEN_SIZE)[:length])
