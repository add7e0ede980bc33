"""Ports of the straight path: the tagger, and the components that the wiring opens."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.tags import ModelRef, Scores, Verdict
from streams.ports import ImageStore, ScoreStore, TagPublisher


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came out of the network for one image, and what the batch cost."""

    scores: Scores
    queued: float
    """Seconds spent waiting for the batch to start."""
    forward: float
    """Seconds of the forward that the image was in."""
    batch_size: int


class Rules(Protocol):
    """The policy of the resident model. Pure."""

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """What the scores mean, given the last announced verdict."""

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """What a person's labels mean in place of the model's."""


class Tagger(Rules, Protocol):
    """What sees: bytes to pixels to scores to a verdict."""

    @property
    def model(self) -> ModelRef:
        """The version that scores the next image."""

    async def decode(self, data: bytes) -> Any:  # noqa: ANN401 - pixels belong to the model
        """The image's pixels; raises `Rejected`."""

    async def score(self, pixels: Any) -> Forwarded:  # noqa: ANN401
        """The image's scores; waits while the batcher is full; raises `Rejected` or `Broken`."""


class Versions(Tagger, Protocol):
    """A tagger whose version may change between two images, and that tells which ones are there."""

    def is_resident(self, version: str) -> bool:
        """Whether images can be scored by that version now."""

    def pinned(self, version: str) -> AbstractContextManager[Tagger | None]:
        """The tagger of that version, which stays within the block; None where it is not resident."""


@dataclass(frozen=True, slots=True)
class Components:
    """Everything that the straight path uses, opened and owned by whoever wired it."""

    images: ImageStore
    scores: ScoreStore
    tags: TagPublisher
    tagger: Versions
