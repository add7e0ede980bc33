"""Ports of the straight path: what sees, and the versions of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.photograph_facts import PhotographFacts
from schemas.tags import ModelRef, Scores, Verdict


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came out of the network for one image, and what the batch cost."""

    scores: Scores
    queued: float
    """Seconds spent waiting for the batch to start."""
    forward: float
    """Seconds of the forward that the image was in."""
    batch_size: int


@dataclass(frozen=True, slots=True)
class WithRendition:
    """What came out of one image."""

    pixels: Any
    """The model's."""
    rendition: bytes | None
    """The photograph made small, where a decoder has made it."""
    facts: PhotographFacts | None = None
    """What the file is, where a decoder says it."""


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

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """The image's pixels, and its rendition where the decoders make one; raises `Rejected`."""

    @property
    def input_side(self) -> int:
        """Pixels of each side of what the version is fed: it asks for no more of a photograph."""

    def adopt(self, pixels: Any) -> Any | None:  # noqa: ANN401
        """Another version's pixels of an image as this one's; None where it wants others."""

    async def score(self, pixels: Any) -> Forwarded:  # noqa: ANN401
        """The image's scores; waits while the batcher is full; raises `Rejected` or `Broken`."""


class Versions(Protocol):
    """Which versions a worker can score by."""

    def is_resident(self, version: str) -> bool:
        """Whether images can be scored by that version now; where it can be had, asking brings it."""

    def is_given_up(self, version: str) -> bool:
        """Whether it cannot be had here, and was waited for long enough."""

    def pinned(self, version: str, *, is_live: bool = False) -> AbstractContextManager[Tagger | None]:
        """The tagger of that version, which stays within the block; None where it is not resident.

        It scores behind whoever asks for no version, unless it `is_live`.
        """


@dataclass(frozen=True, slots=True)
class OneVersion:
    """`Versions` of a tagger whose version never changes."""

    tagger: Tagger

    def is_resident(self, version: str) -> bool:
        """See `Versions.is_resident`."""
        return version == self.tagger.model.version

    def is_given_up(self, version: str) -> bool:  # noqa: ARG002 - a roll-out may bring any
        """Never: a roll-out may bring it."""
        return False

    @contextmanager
    def pinned(self, version: str, *, is_live: bool = False) -> Iterator[Tagger | None]:  # noqa: ARG002
        """See `Versions.pinned`."""
        yield self.tagger if self.is_resident(version) else None
