"""Comparison job: which backbones, on what, with which recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from model.networks import backbones
from model.training.job import TrainingJob
from model.training.recipe import Recipe
from schemas.errors import ConfigurationError

Weights = Literal["hub"] | Path | None


@dataclass(frozen=True, slots=True)
class WeightsFrom:
    """Where each backbone's weights come from."""

    each: Mapping[str, Weights] = field(default_factory=dict)
    other: Weights = None
    """Of those that are not named."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """`hub`, `none`, or `NAME=FILE,...`, with hub or none for the others. Raises `ConfigurationError`."""
        each: dict[str, Weights] = {}
        other: Weights = None
        for part in filter(None, text.split(",")):
            name, is_named, where = part.partition("=")
            if is_named:
                each[name] = _weights(where)
            elif part in {"hub", "none"}:
                other = _weights(part)
            else:
                raise ConfigurationError(f"--weights: {part!r} is not hub, none or NAME=FILE")
        return cls(each, other)

    def of(self, backbone: str) -> Weights:
        """Those of one backbone."""
        return self.each.get(backbone, self.other)


def _weights(text: str) -> Weights:
    if text == "none":
        return None
    return "hub" if text == "hub" else Path(text)


@dataclass(frozen=True, slots=True)
class ComparisonJob:
    """What to compare. `training` says all but the backbone, its weights and where to."""

    names: tuple[str, ...]
    root: Path
    training: TrainingJob
    weights: WeightsFrom
    size: int | None = None
    """Of all of them; each one's own if None."""
    split: str | None = None
    """What they are judged by; `test` where it has photographs, else `val`."""

    def __post_init__(self) -> None:
        foreign = set(self.weights.each) - set(self.names)
        if foreign:
            raise ConfigurationError(f"--weights: {', '.join(sorted(foreign))} is none of the --backbones")
        if not self.names or len(set(self.names)) < len(self.names):
            raise ConfigurationError("--backbones: name each once, as in resnet18,mobilenet_v2")

    def training_of(self, name: str) -> TrainingJob:
        """The training of one. Raises `ConfigurationError` for a name or a size that cannot be."""
        weights = self.weights.of(name)
        recipe: Recipe = self.training.recipe.sized(backbones.describe(name), size=self.size)
        return replace(
            self.training,
            output=self.root / f"{plain(name)}-v1",
            weights=weights,
            recipe=recipe if weights is not None else recipe.from_nothing(),
            cache=self.root / "pictures",
            test=False,
        )


def plain(name: str) -> str:
    """The name of a backbone as that of a folder."""
    return "".join(sign if sign.isalnum() or sign in "_." else "-" for sign in name)
