"""Rendition parity: does a version say the same of a photograph and of a rendition made for a page?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageOps
from pydantic import JsonValue
from torch import Tensor

from model.data.dataset import Encoded, Photograph
from model.data.progress import Tick, silent
from model.evaluation.predict import predict
from model.evaluation.predictions import Predictions
from model.evaluation.shares import Share
from model.formats.opening import opened
from model.serving.classifier import Classifier

QUALITY = 87
"""Of the renditions' JPEG, as sites commonly choose it."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """`original`, upright, its shorter side at most `side` pixels, as a JPEG; made when it is read."""

    original: Encoded
    side: int

    @property
    def name(self) -> str:
        """As the original's."""
        return self.original.name

    def read_bytes(self) -> bytes:
        """The JPEG; the original's own bytes where they are no image, so that both are refused alike."""
        data = self.original.read_bytes()
        try:
            with opened(BytesIO(data)) as image:
                return self._rendered(image)
        except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds; the decoder that serves says which
            return data

    def _rendered(self, image: Image.Image) -> bytes:
        image.draft("RGB", (2 * self.side, 2 * self.side))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        share = min(1.0, self.side / min(upright.size))
        size = (max(1, round(upright.width * share)), max(1, round(upright.height * share)))
        file = BytesIO()
        upright.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=QUALITY)
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Parity:
    """How alike the answers are to originals and to their renditions of `side` pixels."""

    side: int
    top: Share
    """Of which the top label is the same."""
    tags: Share
    """Of which all tags are the same."""
    drift: Tensor
    """Float (N,): the largest difference of a probability, for each photograph."""
    differing: tuple[str, ...]
    """One line a photograph whose top label is another."""
    unreadable: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`."""
        return {
            "side": self.side,
            "top_label": self.top.as_json(),
            "tags": self.tags.as_json(),
            "drift": {"median": self._drift(0.5), "highest": self._drift(1.0)},
            "differing": list(self.differing),
            "unreadable": list(self.unreadable),
        }

    def _drift(self, quantile: float) -> float:
        return round(float(self.drift.quantile(quantile)), 4)


def parity(
    classifier: Classifier, photographs: Sequence[Photograph], *, side: int, tick: Tick = silent
) -> Parity:
    """Score every photograph twice, as it is and as its rendition; raises as `judging.look` does."""
    reduced = [replace(photo, path=Rendition(photo.path, side)) for photo in photographs]
    full, small = predict(classifier, photographs, tick=tick), predict(classifier, reduced, tick=tick)
    same = full.probabilities.argmax(1) == small.probabilities.argmax(1)
    return Parity(
        side=side,
        top=Share(int(same.sum()), len(same)),
        tags=Share(int((full.tagged == small.tagged).all(1).sum()), len(same)),
        drift=(full.probabilities - small.probabilities).abs().amax(1),
        differing=tuple(_line(full, small, int(row)) for row in (~same).nonzero()),
        unreadable=full.unreadable,
    )


def _line(full: Predictions, small: Predictions, row: int) -> str:
    name = full.photographs[row].path.name
    return f"{name}: {_top(full, row)} as it is, {_top(small, row)} as its rendition"


def _top(predictions: Predictions, row: int) -> str:
    highest = predictions.probabilities[row].max(0)
    return f"{predictions.labels[int(highest.indices)]} {float(highest.values):.2f}"
