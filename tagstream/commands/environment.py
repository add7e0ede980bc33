"""The settings of a command, with its log quiet: standard output and the terminal are the answer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.wiring.settings import Settings


def load_settings(level: str = "warning") -> Settings:
    """The settings of the environment; the log begins at `level`. Raises `ConfigurationError`."""
    from agents.telemetry import logs
    from agents.wiring import settings

    config = settings.load()
    logs.configure(config.log.model_copy(update={"level": level}), mask=settings.mask(config))
    return config
