"""A file that did not arrive whole, or in which a bit fell over, ends as any other."""

from __future__ import annotations

import pytest

from tests.hostile.builders import SEEDS, seed
from tests.hostile.case import ANY, UNDECODABLE, case
from tests.hostile.sandbox import Sandbox, faults

PREFIXES, FLIPS = 120, 200
"""Of each file, evenly over all of it."""

WHOLE_EARLIER = {
    "JPEG": 2,
    "PROGRESSIVE": 2,
    "PNG": 24,
    "GIF": 3,
    "LOSSLESS": 1,
    "WEBP": 1,
    "TIFF": 4,
    "LZW": 4,
}
"""Bytes at the end of a format that only say that it is the end, its checksum,
or fill up to an even number."""


@pytest.mark.parametrize("kind", SEEDS)
def test_no_beginning_of_a_file_is_half_a_picture(sandbox: Sandbox, kind: str) -> None:
    data, cut = seed(kind), case(f"{kind}, cut", bytes, UNDECODABLE)
    most = len(data) - WHOLE_EARLIER.get(kind, 0)
    for length in range(0, most, max(1, most // PREFIXES)):
        assert faults(sandbox.decode(data[:length], cut), cut, length) == [], f"cut to {length} bytes"


@pytest.mark.parametrize("kind", SEEDS)
def test_a_bit_that_fell_over_ends_as_it_may(sandbox: Sandbox, kind: str) -> None:
    data, flipped = seed(kind), case(f"{kind}, flipped", bytes, *ANY, pixels=4_000_000)
    for number in range(FLIPS):
        place = number * len(data) // FLIPS
        damaged = data[:place] + bytes([data[place] ^ 1 << number % 8]) + data[place + 1 :]
        assert faults(sandbox.decode(damaged, flipped), flipped, len(data)) == [], (
            f"bit {number % 8} of {place}"
        )
