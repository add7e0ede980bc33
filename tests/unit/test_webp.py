"""The picture of a WebP, or the first of an animation, whatever stands beside it."""

from __future__ import annotations

from struct import pack

import numpy as np
import pytest
from PIL import Image

from model.preprocess import Pixels, Preprocess
from schemas.errors import TooManyPixels, Undecodable
from tests.hostile.builders import encoded, exif, extended_webp, photograph, riff, seed

SIDE = 48
CANVAS = (SIDE, SIDE)
CODECS = ("WEBP", "LOSSLESS")
TURNED = exif((0x0112, 3, 1, b"\6"))
LOOP = riff(b"ANIM", b"\xff\0\0\xff\0\0")
ALPHA, EXIF, XMP, ANIMATION, PROFILE = 16, 8, 4, 2, 32


def decode(data: bytes, side: int = SIDE) -> Pixels:
    return Preprocess(size=side).decode(data)


def picture(codec: str) -> bytes:
    """Its chunk, as a simple file has it."""
    return seed(codec)[12:]


def shows_the_photograph(data: bytes, codec: str) -> bool:
    return bool((decode(data) == decode(seed(codec))).all())


def whole(*chunks: bytes, told: int | None = None) -> bytes:
    """A simple file of these chunks; `told` is the length that it says."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + pack("<I", len(body) if told is None else told) + body


def lying(kind: bytes, body: bytes, length: int) -> bytes:
    return kind + pack("<I", length) + body


def frame(coded: bytes, *, at: tuple[int, int] = (0, 0), size: tuple[int, int] = CANVAS) -> bytes:
    """A frame of an animation, at even numbers."""
    numbers = (at[0] // 2, at[1] // 2, size[0] - 1, size[1] - 1, 100)
    return riff(b"ANMF", b"".join(number.to_bytes(3, "little") for number in numbers) + b"\0" + coded)


def test_the_picture_is_the_one_that_was_packed() -> None:
    wanted = np.asarray(photograph()).transpose(2, 0, 1)
    assert (decode(seed("LOSSLESS")) == wanted).all()
    assert np.abs(decode(seed("WEBP")).astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("off", [-(10**9), -20, -9, -8, -2, -1, 1, 2, 8, 1_000, 2**31])
def test_a_length_of_the_whole_that_is_wrong_costs_nothing(codec: str, off: int) -> None:
    length = len(seed(codec)) - 8
    assert shows_the_photograph(whole(picture(codec), told=max(0, length + off)), codec)


BESIDE = {
    "an EXIF block of nothing": (EXIF, riff(b"EXIF", b"")),
    "an EXIF block of noise": (EXIF, riff(b"EXIF", b"\xff" * 33)),
    "an EXIF block longer than the file": (EXIF, lying(b"EXIF", b"x" * 33, 1_000)),
    "an EXIF block of four billion bytes": (EXIF, lying(b"EXIF", b"x" * 33, 2**32 - 1)),
    "an EXIF block longer than it says": (EXIF, lying(b"EXIF", b"x" * 33, 5)),
    "an EXIF block of 2 MB": (EXIF, riff(b"EXIF", TURNED + bytes(2 << 20))),
    "two EXIF blocks": (EXIF, riff(b"EXIF", b"x") * 2),
    "an EXIF block that nothing announces": (0, riff(b"EXIF", TURNED)),
    "an odd chunk without its padding": (EXIF, riff(b"EXIF", b"xyz")[:-1]),
    "a profile of noise": (PROFILE, riff(b"ICCP", b"\xff" * 33)),
    "a profile longer than it says": (PROFILE, lying(b"ICCP", b"x" * 33, 6)),
    "a profile longer than the file": (PROFILE, lying(b"ICCP", b"x" * 33, 2**31)),
    "XMP of noise": (XMP, riff(b"XMP ", b"\xff" * 33)),
    "XMP that says a turn": (XMP, riff(b"XMP ", b'<x tiff:Orientation="3"/>')),
    "an unknown chunk": (0, riff(b"ABCD", b"x" * 33)),
    "an unknown chunk that is cut short": (0, lying(b"ABCD", b"x" * 33, 50)),
    "half a name": (0, b"EX"),
    "zeros": (0, bytes(64)),
    "nothing that the flags announce": (EXIF | XMP | PROFILE | ANIMATION, b""),
    "flags of every kind": (255, b""),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("case", BESIDE)
def test_no_fault_of_what_stands_beside_the_picture_costs_it(case: str, codec: str) -> None:
    flags, piece = BESIDE[case]
    assert shows_the_photograph(extended_webp(CANVAS, picture(codec), piece, flags=flags), codec), "behind"
    if len(piece) > 8:
        assert shows_the_photograph(extended_webp(CANVAS, piece, picture(codec), flags=flags), codec), (
            "before"
        )
        assert shows_the_photograph(whole(piece, picture(codec)), codec), "in the simple form"


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_that_is_cut_behind_its_picture_is_whole(codec: str) -> None:
    data = extended_webp(CANVAS, picture(codec), riff(b"EXIF", b"x" * 40), flags=EXIF)
    for cut in range(49):
        assert shows_the_photograph(data[: len(data) - cut], codec), cut


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_that_is_cut_short_is_refused_wherever_it_is_cut(codec: str) -> None:
    data = extended_webp(CANVAS, picture(codec))
    padding = len(picture(codec)) - 8 - int.from_bytes(picture(codec)[4:8], "little")
    for length in range(12, len(data) - padding):
        with pytest.raises(Undecodable):
            decode(data[:length])


def test_exif_turns_it_as_in_browsers() -> None:
    turned = np.rot90(decode(seed("LOSSLESS")), -1, axes=(1, 2))
    for chunks in (
        [picture("LOSSLESS"), riff(b"EXIF", TURNED)],
        [riff(b"EXIF", TURNED), picture("LOSSLESS")],
        [picture("LOSSLESS"), riff(b"XMP ", b'<x tiff:Orientation="3"/>'), riff(b"EXIF", TURNED)],
    ):
        assert (decode(extended_webp(CANVAS, *chunks, flags=EXIF)) == turned).all()


@pytest.mark.parametrize("between", [b"", riff(b"ABCD", b"odd")])
def test_alpha_is_laid_on_white_whether_the_flags_say_so_or_not(between: bytes) -> None:
    image = photograph().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, SIDE, SIDE // 2))
    data = encoded(image, "WEBP", quality=90)
    at = data.index(b"ALPH")
    split = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    split += split % 2
    for flags in (ALPHA, 0):
        found = decode(extended_webp(CANVAS, data[at:split], between, data[split:], flags=flags))
        assert (found == decode(data)).all()
        assert (found[:, : SIDE // 2] == 255).all()


@pytest.mark.parametrize("codec", CODECS)
def test_of_an_animation_the_first_frame_counts_whatever_becomes_of_the_others(codec: str) -> None:
    coded = picture(codec)
    other = frame(encoded(Image.new("RGB", CANVAS, "red"), "WEBP")[12:])
    for rest in ([other], [frame(coded[:40])], [other[:-30]], [other, riff(b"EXIF", b"x")], [bytes(40)]):
        data = extended_webp(CANVAS, LOOP, frame(coded), *rest, flags=ANIMATION)
        assert shows_the_photograph(data, codec)
    assert shows_the_photograph(extended_webp(CANVAS, frame(coded), other, flags=0), codec), "no loop"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("flags", [ANIMATION, ANIMATION | ALPHA])
def test_what_the_first_frame_leaves_of_the_canvas_is_white(flags: int, codec: str) -> None:
    """Whatever the background is called; browsers do not look at it."""
    data = extended_webp((64, 64), LOOP, frame(picture(codec), at=(8, 10)), flags=flags)
    wanted = np.full((3, 64, 64), 255, np.uint8)
    wanted[:, 10:58, 8:56] = decode(seed(codec))
    assert (decode(data, 64) == wanted).all()


def test_a_damaged_first_frame_is_not_taken_for_the_second() -> None:
    good = frame(picture("WEBP"))
    for hurt in (
        frame(picture("WEBP").replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b")),
        frame(picture("WEBP"), size=(40, 40)),
        frame(riff(b"ALPH", b"\0") + picture("LOSSLESS")),
        frame(b""),
        frame(good),
    ):
        with pytest.raises(Undecodable):
            decode(extended_webp(CANVAS, LOOP, hurt, good, flags=ANIMATION))


def test_a_frame_beyond_its_canvas_is_refused_and_so_is_a_picture_of_another_size() -> None:
    with pytest.raises(Undecodable, match="its picture is another size"):
        decode(extended_webp(CANVAS, LOOP, frame(picture("WEBP"), at=(2, 0)), flags=ANIMATION))
    for canvas in ((47, 48), (48, 49), (1, 1), (2_000, 2_000)):
        with pytest.raises(Undecodable, match="its picture is another size"):
            decode(extended_webp(canvas, picture("WEBP")))


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("alpha", [True, False])
@pytest.mark.parametrize("size", [(2, 1), (300, 2), (7, 515)])
def test_its_size_is_told_before_a_pixel_is_decoded(
    *, lossless: bool, alpha: bool, size: tuple[int, int]
) -> None:
    data = encoded(Image.new("RGBA" if alpha else "RGB", size), "WEBP", lossless=lossless)
    with pytest.raises(TooManyPixels, match=f"{size[0]} x {size[1]} pixels"):
        Preprocess(size=8, max_pixels=size[0] * size[1] - 1).decode(data)


def test_without_a_picture_it_is_refused() -> None:
    for data in (
        whole(),
        whole(riff(b"EXIF", TURNED)),
        whole(b"VP8 ") + b"VP8L" * 1_000,
        b"RIFF\0\0\0\0WEBP",
    ):
        with pytest.raises(Undecodable):
            decode(data)
