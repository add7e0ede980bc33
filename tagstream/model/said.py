"""What options of several commands say, as values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.data.division import How


def weights(given: str) -> Literal["hub"] | Path | None:
    """Of --weights: public ones, a file or folder, none."""
    if given == "none":
        return None
    return "hub" if given == "hub" else Path(given)


def division(shares: str, *, seed: int, by_source: bool = True) -> How:
    """Of --shares. Raises `ConfigurationError`."""
    from model.data.division import How, Shares  # noqa: PLC0415

    try:
        train, val, test = (float(each) for each in shares.split(","))
    except ValueError as error:
        raise ConfigurationError(f"--shares: {shares!r} is not three numbers, as in 0.7,0.15,0.15") from error
    return How(Shares(train, val, test), seed=seed, by_source=by_source)
