"""The settings of a command, with its log quiet: standard output and the terminal are the answer's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agents.wiring.settings import Settings

_WORKERS: Final = ("TAGSTREAM_KAFKA__", "TAGSTREAM_STORE__")


def meet_workers() -> None:
    """For a command of the registry that has to do with workers: those of `tagstream dev`, if it runs here.

    Not its storage: the registry is wherever the environment says.
    """
    meet_system(only=_WORKERS)


def meet_system(*, only: tuple[str, ...] = ("",)) -> None:
    """Take over the settings of `tagstream dev`, if it runs here: `only` those whose names begin so."""
    from tagstream.dev import state

    state.adopt(os.environ, Path.cwd(), only=only)


def load_settings(level: str = "warning") -> Settings:
    """The settings of the environment; the log begins at `level`. Raises `ConfigurationError`."""
    from agents.telemetry import logs
    from agents.wiring import settings

    config = settings.load()
    logs.configure(config.log.model_copy(update={"level": level}), mask=settings.mask(config))
    return config
