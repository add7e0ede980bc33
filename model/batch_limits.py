"""The bounds of the micro-batcher, each of them a setting."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The bounds of the batcher; a wrong one raises `ConfigurationError`."""

    max_size: int = 32
    linger: float = 0.0  # seconds, counted from the first item of the batch; 0 = take what is there
    intake: int = 64  # items queued or in a batch beyond which score() waits; 2 x max_size lets one be staged
    grow_after: int = 64  # batches that fill a lowered ceiling before it is raised by one; 0 = never
    close_within: float = 30.0  # seconds for which closing waits; then a hung forward is left behind

    def __post_init__(self) -> None:
        """Refuse what could never work."""
        self._require(self.max_size >= 1, "max_size must be at least 1")
        self._require(self.linger >= 0, "linger must not be negative")
        self._require(self.intake >= self.max_size, "intake must be at least max_size")
        self._require(self.grow_after >= 0, "grow_after must not be negative")
        self._require(self.close_within > 0, "close_within must be positive")

    @staticmethod
    def _require(fine: bool, message: str) -> None:  # noqa: FBT001
        if not fine:
            raise ConfigurationError(message)
