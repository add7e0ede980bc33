"""Frame of a JPEG: its size, its components, and what of their coefficients has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
SEQUENTIAL: Final = frozenset({0xC0, 0xC1, 0xC9})
HUFFMAN: Final = frozenset({0xC0, 0xC1})
"""Sequential ones that are not arithmetic."""
ARITHMETIC: Final = frozenset({0xC9, 0xCA})

SIZES: Final = 6
"""Bytes of precision, height, width and the number of components; three each follow."""

COEFFICIENTS: Final = 64
NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What the frame header says."""

    marker: int
    width: int
    height: int
    components: dict[int, tuple[int, int]]
    """By id: sampling factors, across and down."""

    @classmethod
    def of(cls, marker: int, body: bytes) -> Self:
        """The frame of a header's payload; raises `ValueError` where that is cut or describes no picture."""
        count = body[SIZES - 1] if len(body) >= SIZES else 0
        if len(body) < SIZES + 3 * max(count, 1):
            raise ValueError("its frame header is cut short")
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        factors = {
            body[at]: (body[at + 1] >> 4, body[at + 1] & 15) for at in range(SIZES, SIZES + 3 * count, 3)
        }
        if not (width and height and all(across and down for across, down in factors.values())):
            raise ValueError("its frame header describes no picture")
        return cls(marker, width, height, factors)

    @property
    def coefficient_bytes(self) -> int:
        """What all its coefficients take, two bytes each, as libjpeg keeps them."""
        widest = max(across for across, _ in self.components.values())
        tallest = max(down for _, down in self.components.values())
        shares = (across * down / (widest * tallest) for across, down in self.components.values())
        return int(2 * self.width * self.height * sum(shares))


@dataclass(slots=True)
class Arrived:
    """Which bits of which coefficients the scans have brought, by ITU T.81, G.1.1.1."""

    frame: JpegFrame
    _lowest: dict[int, list[int]] = field(init=False)
    """By component: of each coefficient the lowest bit that has come, or `NEVER`."""

    def __post_init__(self) -> None:
        self._lowest = {each: [NEVER] * COEFFICIENTS for each in self.frame.components}

    def add(self, header: bytes) -> None:
        """Count a scan, by the payload of its header; raises `ValueError` where that is cut short."""
        count = header[0] if header else 0
        if len(header) < 4 + 2 * count:
            raise ValueError("its scan header is cut short")
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        if self.frame.marker not in PROGRESSIVE:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        for component in header[1 : 1 + 2 * count : 2]:
            lowest = self._lowest.get(component, [])
            for at in range(first, min(last + 1, len(lowest))):
                lowest[at] = bits & 15

    @property
    def is_all(self) -> bool:
        """Whether nothing is to come any more."""
        return not any(bit for lowest in self._lowest.values() for bit in lowest)
