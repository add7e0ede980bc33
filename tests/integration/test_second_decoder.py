"""Our decoder and libvips agree on every file, but for what is stated here with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.case import TOO_MANY
from tests.hostile.corpus import corpus
from tests.second_decoder.libvips import Agreement, Compared, Libvips

SAMPLES: Final = Path("tagstream/samples")
MOST_PIXELS: Final = 3_000_000
MOST_BYTES: Final = 3_000_000
"""What is larger is a bomb, of which nothing else is learnt here."""

STATED: Final = (
    (
        Agreement.APART,
        r"(JPEG|TIFF) of mode CMYK|jpeg of CMYK, .*",
        "libvips converts inks by a press's profile",
    ),
    (
        Agreement.APART,
        r".*(AVIF|avif).*",
        "libheif enlarges chroma otherwise, which is seen in so small a picture",
    ),
    (Agreement.APART, r"gif with an extension 0xf9 of a byte in front", "libvips obeys what is left of it"),
    (
        Agreement.THEIRS_ALONE,
        r"(jpeg|png|gif) of .*|gif (whose|of) .*",
        "libvips has no caps, and takes no size",
    ),
    (
        Agreement.THEIRS_ALONE,
        r"(JPEG|PROGRESSIVE) (claims less|called a .*)|jpeg sampled .*",
        "blocks are lost",
    ),
    (
        Agreement.THEIRS_ALONE,
        r"avif in numbers .*",
        "libavif knows no such matrix; libheif takes the usual one",
    ),
    (Agreement.OURS_ALONE, r".*(HEIC|heic|AVIF of|BMP|bmp).*", "this build of libvips reads none"),
    (Agreement.OURS_ALONE, r"(png|PNG) .*", "something beside the picture is wrong"),
    (Agreement.OURS_ALONE, r".*(webp|WEBP|LOSSLESS).*", "a length or something beside the picture is wrong"),
    (Agreement.OURS_ALONE, r"(gif|GIF) .*", "something in front of the frame is wrong"),
    (Agreement.OURS_ALONE, r"(tiff|TIFF|LZW) .*", "another page is wrong"),
)
"""How they differ, whole names of files, and why."""


@pytest.fixture(scope="module")
def compared() -> list[Compared]:
    with Libvips() as libvips:
        return [libvips.compare(name, data) for name, data in _files()]


def _files() -> Iterator[tuple[str, bytes]]:
    for path in sorted(SAMPLES.glob("*.*")):
        yield path.name, path.read_bytes()
    for hostile in corpus():
        if hostile.pixels <= MOST_PIXELS and TOO_MANY not in hostile.endings:
            data = hostile.build()
            if len(data) <= MOST_BYTES:
                yield hostile.name, data


def _reasons(each: Compared) -> list[str]:
    return [why for how, name, why in STATED if how is each.agreement and re.fullmatch(name, each.name)]


def test_they_agree_but_for_what_is_stated(compared: list[Compared]) -> None:
    agreed = {Agreement.SAME, Agreement.NEITHER}
    unstated = [each for each in compared if each.agreement not in agreed and not _reasons(each)]
    assert not unstated, "\n".join(["", *(f"{each.agreement}: {each}" for each in unstated)])


def test_what_is_stated_is_so(compared: list[Compared]) -> None:
    told = {reason for each in compared for reason in _reasons(each)}
    assert told == {why for _, _, why in STATED}


def test_most_files_are_the_same_pixels(compared: list[Compared]) -> None:
    """Else the comparison would show nothing."""
    same = sum(each.agreement is Agreement.SAME for each in compared)
    assert same > len(compared) / 2
