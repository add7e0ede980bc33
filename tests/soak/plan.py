"""What a soak is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BUCKET: Final = "photos"
GROUP: Final = "tagstream"
LARGEST: Final = 2**20
"""Bytes of an object that the workers take; a larger one is a bad one."""
SESSION: Final = 6.0
"""Seconds of silence after which the group gives a worker up."""
KEY_PATTERN: Final = r"^(?P<restaurant>r\d+)/"
"""Whose an image is; of keys that do not match, nobody's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The traffic and its length; the seed makes the same operations and faults in the same order."""

    minutes: float = 3.0
    rate: float = 20.0
    """Operations a second, whatever becomes of them: an open loop."""
    workers: int = 2
    seed: int = 1
    is_real_model: bool = False

    @property
    def seconds(self) -> float:
        """How long traffic flows."""
        return self.minutes * 60
