"""What is kept: one head an image, and every score ever made of it."""

from __future__ import annotations

from enum import StrEnum

from schemas.tags import ModelRef, Scores, Value, Verdict
from schemas.uploads import ImageUploaded, Location, Moment, Position


class State(StrEnum):
    """Whether the restaurant's page may show the image."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    """Flagged as a menu or a human: hidden until a person has verified it."""
    DELETED = "deleted"


class Announced(Value):
    """The last verdict that the broker acknowledged, and the event that it answered."""

    verdict: Verdict
    position: Position
    restaurant_id: str | None = None
    """Whose collections heard of it."""


class ImageHead(Value):
    """All that holds of one image now."""

    image_id: str
    location: Location
    restaurant_id: str | None = None
    position: Position
    state: State
    verdict: Verdict
    scores: Scores
    """What `verdict` was decided on, so that a redelivery decides alike without scoring again."""
    announced: Announced | None = None

    def answers(self, upload: ImageUploaded, model: ModelRef) -> bool:
        """Whether this head already holds the scores that `model` gives of `upload`."""
        return self.position.event_id == upload.event_id and self.scores.model == model

    @property
    def is_announced(self) -> bool:
        """Whether the broker has acknowledged everything that the current verdict says."""
        return (
            self.announced is not None
            and self.announced.verdict == self.verdict
            and self.announced.position.is_same(self.position)
        )


class ScoreRecord(Value):
    """History: what one model version said of one content of an image. Never overwritten by another."""

    image_id: str
    content_version: str
    scores: Scores
    position: Position
    scored_at: Moment
    seconds: dict[str, float]
    """Seconds by stage: fetch, decode, queued, forward."""
    job: str = "live"


class Kept(Value):
    """The store holds the image's newest scores; `head` is what it holds."""

    head: ImageHead


class Stale(Value):
    """The store already holds a newer event of this image: nothing was written to its head."""

    head: ImageHead
