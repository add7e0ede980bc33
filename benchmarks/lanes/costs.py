"""Costs of a worker in seconds, as one run over the real stack has measured them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Costs:
    """What one photograph, and one batch, takes."""

    hop: float
    """From the upload until the window sees it."""
    load: float
    """Fetch and decode with nobody beside, in a slot."""
    decode: float
    """Between two photographs that leave the decoders, where many wait for them."""
    batch: float
    """A forward of no image: what each batch pays once."""
    image: float
    """And each image in it."""
    tell: float
    """From the end of the forward until the tags are out: store and announce."""
    mark: float
    """And until the slot is free."""
    source: str
    """Where these figures come from."""

    def forward(self, size: int) -> float:
        """Seconds of the device for a batch."""
        return self.batch + self.image * size

    def most(self, size: int) -> float:
        """Photographs a second with batches of that size, one after another."""
        return size / self.forward(size)

    def as_json(self) -> str:
        """For `read`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, file: Path) -> Self:
        """As `as_json` wrote it; raises `ValueError` for anything else."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file}: no costs of `python -m benchmarks.lanes.measure`: {error}") from error


def line(one: float, size: int, full: float) -> tuple[float, float]:
    """Seconds a batch and an image, from a forward of one and one of `size`; neither is negative.

    Where a full batch takes more than as many single ones, as on cores that others use beside it, the full
    one holds: it is what a loaded worker runs.
    """
    image = min((full - one) / (size - 1), full / size)
    return full - image * size, image
