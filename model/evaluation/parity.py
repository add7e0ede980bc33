"""Rendition parity: does a version say the same of a photograph and of the rendition that a worker keeps?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue
from torch import Tensor

from model.data.dataset import Encoded, Photograph
from model.data.progress import Tick, silent
from model.evaluation.predict import predict
from model.evaluation.predictions import Predictions
from model.evaluation.shares import Share
from model.preprocess import Preprocess
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, Rejected
from schemas.rendition_recipe import RenditionRecipe


@dataclass(frozen=True, slots=True)
class Rendition:
    """The rendition of `original`, as a decoder of the version makes it; made when it is read."""

    original: Encoded
    preprocess: Preprocess
    recipe: RenditionRecipe
    without: list[str] = field(default_factory=list)
    """Takes the names of those that have none."""

    @property
    def name(self) -> str:
        """As the original's."""
        return self.original.name

    def read_bytes(self) -> bytes:
        """The JPEG; the original's own bytes where it has none, as a replay would read them."""
        data = self.original.read_bytes()
        try:
            made = self.preprocess.decode_and_reduce(data, self.recipe).rendition
        except Rejected:  # the decoder that serves refuses both alike, and says why
            return data
        if made is None:
            self.without.append(self.name)
        return made or data


@dataclass(frozen=True, slots=True)
class Parity:
    """How alike the answers are to originals and to their renditions by `recipe`."""

    recipe: RenditionRecipe
    top: Share
    """Of which the top label is the same."""
    tags: Share
    """Of which all tags are the same."""
    drift: Tensor
    """Float (N,): the largest difference of a probability, for each photograph."""
    without: int
    """Photographs without a rendition, which are too small for one or too long: they are the same twice."""
    differing: tuple[str, ...]
    """One line a label of a photograph that is tagged otherwise."""
    unreadable: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`."""
        return {
            "recipe": self.recipe.name,
            "top_label": self.top.as_json(),
            "tags": self.tags.as_json(),
            "drift": {"median": self._drift(0.5), "highest": self._drift(1.0)},
            "without_rendition": self.without,
            "differing": list(self.differing),
            "unreadable": list(self.unreadable),
        }

    def _drift(self, quantile: float) -> float:
        return round(float(self.drift.quantile(quantile)), 4)


def parity(
    classifier: Classifier,
    photographs: Sequence[Photograph],
    *,
    recipe: RenditionRecipe,
    tick: Tick = silent,
) -> Parity:
    """Score every photograph twice, as it is and as its rendition; raises as `predict` does.

    `ConfigurationError` for a version that asks for more pixels than the renditions have.
    """
    how = classifier.preprocess
    if not recipe.suits(how.size):
        raise ConfigurationError(
            f"the version is fed {how.size} pixels a side: it is never given renditions of {recipe.side}"
        )
    without: list[str] = []
    reduced = [replace(photo, path=Rendition(photo.path, how, recipe, without)) for photo in photographs]
    full, small = predict(classifier, photographs, tick=tick), predict(classifier, reduced, tick=tick)
    moved = (full.probabilities - small.probabilities).abs().amax(1)
    changed = full.tagged != small.tagged
    return Parity(
        recipe=recipe,
        top=_same(full.probabilities.argmax(1) == small.probabilities.argmax(1)),
        tags=_same(~changed.any(1)),
        drift=moved,
        without=len(without),
        differing=tuple(_line(full, small, *map(int, place)) for place in changed.nonzero()),
        unreadable=full.unreadable,
    )


def _same(alike: Tensor) -> Share:
    return Share(int(alike.sum()), len(alike))


def _line(full: Predictions, small: Predictions, row: int, column: int) -> str:
    label = full.labels[column]
    before, after = (float(each.probabilities[row, column]) for each in (full, small))
    name, threshold = full.photographs[row].path.name, full.thresholds[label]
    return f"{name}: {label} {before:.3f}, as its rendition {after:.3f}; tagged from {threshold:.3f}"
