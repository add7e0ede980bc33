"""What Tagstream says: the events on the outbound topics. Frozen, versioned, with deterministic ids."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from schemas import topics
from schemas.tags import ModelRef, Route, Tag, Value
from schemas.uploads import Location, Position


class Action(StrEnum):
    """What became of a route: consumers add the image or take it back."""

    ADDED = "added"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why the image was scored."""

    LIVE = "live"
    REPLAY = "replay"
    CORRECTION = "correction"


class TagEvent(Value):
    """What every outbound event carries."""

    schema_version: int = 1
    event_id: str
    """The same for the same fact, however often it is announced: deduplicate by it."""
    image_id: str
    position: Position
    """Drop an event whose position is older than the last you saw of the image."""
    model: ModelRef
    restaurant_id: str | None = None


class ImageTagged(TagEvent):
    """An image was scored: every label with its probability and threshold."""

    type: Literal["ImageTagged"] = "ImageTagged"
    location: Location
    tags: tuple[Tag, ...]
    reason: Reason = Reason.LIVE


class ModerationRequested(TagEvent):
    """A person should look at the image, or need not any more."""

    type: Literal["ModerationRequested"] = "ModerationRequested"
    action: Action
    label: str
    location: Location
    why: Route


class CollectionChanged(TagEvent):
    """The image joins a collection of its restaurant's page, or leaves it."""

    type: Literal["AmbianceTagged"] = "AmbianceTagged"
    action: Action
    label: str
    location: Location
    why: Route


AnyTagEvent = ImageTagged | ModerationRequested | CollectionChanged


class Announcement(Value):
    """One event and the topic it goes to; its key follows from both."""

    topic: str
    event: AnyTagEvent

    @property
    def key(self) -> str:
        """restaurant_id for a restaurant's collection, else image_id."""
        if isinstance(self.event, CollectionChanged) and self.event.restaurant_id:
            return self.event.restaurant_id
        return self.event.image_id


class DeadLetter(Value):
    """A message that can never succeed, exactly as it came, and why."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    source: tuple[str, int, int]
    """Topic, partition and offset that it came from."""
    image_id: str | None = None
    stage: str
    code: str
    """The cause in one word: `gone`, `undecodable`, ..."""
    exception: str
    message: str
    trace: str = ""

    topic: str = topics.DEAD_LETTERS

    @property
    def causes(self) -> Mapping[str, bytes]:
        """The headers that say why, under Kafka Connect's names; they replace those of an earlier hop."""
        topic, partition, offset = self.source
        said = {
            "topic": topic,
            "partition": str(partition),
            "offset": str(offset),
            "stage": self.stage,
            "code": self.code,
            "image_id": self.image_id or "",
            "exception.class.name": self.exception,
            "exception.message": self.message,
            "exception.stacktrace": self.trace,
        }
        return {
            f"__connect.errors.{name}": text.encode(errors="backslashreplace")
            for name, text in said.items()
            if text
        }
