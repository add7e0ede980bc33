"""Rendition recipe: the exact side and quality of small photographs, and the name that says them (ADR 38).

No Pillow in here: settings are read without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

REVISION: Final = 1
"""Of the steps of `model.rendition`. Another one makes others, and reads nothing of what this one made."""

MOST_BYTES: Final = 2**20
"""Of a rendition, which has some ten thousand; what would have more is none."""

_NAME: Final = re.compile(r"jpeg-([1-9][0-9]{0,4})-q([1-9][0-9]?|100)-r([1-9][0-9]{0,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class RenditionRecipe:
    """How renditions are made."""

    side: int
    """Pixels of the shorter side, exactly."""
    quality: int
    """Of the JPEG, 1 to 100."""

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The recipe of that name; None for one of another revision, and for what is no name."""
        found = _NAME.fullmatch(name)
        if found is None or int(found[3]) != REVISION:
            return None
        return cls(side=int(found[1]), quality=int(found[2]))

    @property
    def name(self) -> str:
        """As in `jpeg-320-q90-r1`; it is kept with what the recipe made."""
        return f"jpeg-{self.side}-q{self.quality}-r{REVISION}"

    def suits(self, side: int) -> bool:
        """Whether a version whose input has `side` pixels asks for no more than its renditions have."""
        return side <= self.side
