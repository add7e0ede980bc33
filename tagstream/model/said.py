"""What options of several commands say, as values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.data.division import How
    from model.training.recipe import Recipe


def weights(given: str) -> Literal["hub"] | Path | None:
    """Of --weights: public ones, a file or folder, none."""
    if given == "none":
        return None
    return "hub" if given == "hub" else Path(given)


def recipe(
    given: Recipe, *, weights: str, rate: float | None = None, layer_decay: float | None = None
) -> Recipe:
    """`given` as --weights wants it: from nothing or not; what --rate and --layer-decay say outranks that."""
    meant = given.from_nothing() if weights == "none" else given
    if rate is not None:
        meant = replace(meant, body_rate=rate)
    return meant if layer_decay is None else replace(meant, layer_decay=layer_decay)


def division(shares: str, *, seed: int, by_source: bool = True) -> How:
    """Of --shares. Raises `ConfigurationError`."""
    from model.data.division import How, Shares  # noqa: PLC0415

    try:
        train, val, test = (float(each) for each in shares.split(","))
    except ValueError as error:
        raise ConfigurationError(f"--shares: {shares!r} is not three numbers, as in 0.7,0.15,0.15") from error
    return How(Shares(train, val, test), seed=seed, by_source=by_source)
