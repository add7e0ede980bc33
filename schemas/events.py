"""Outbound events: what the topics carry. Frozen, versioned, with deterministic ids."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import AliasChoices, Field, SerializerFunctionWrapHandler, model_serializer

from schemas import topics
from schemas.claims import Claim
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef, Route, Tag, Value
from schemas.uploads import Location, Moment, Position


class Action(StrEnum):
    """What became of a route: consumers add the image or take it back."""

    ADDED = "added"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why the image was decided on."""

    LIVE = "live"
    REPLAY = "replay"
    CORRECTION = "correction"
    """A person decided."""


class TagEvent(Value):
    """What every outbound event carries."""

    schema_version: int = 1
    event_id: str
    """The same for the same fact, however often it is announced: deduplicate by it."""
    image_id: str
    revision: int = 0
    """Counts what became of the image: drop an event of a lower one than the last you saw of the image."""
    position: Position
    """The upload that this answers, in the order of the image's uploads."""
    model: ModelRef | None = None
    """What made the scores; absent where the image was never scored."""
    restaurant_id: str | None = None
    location: Location
    reason: Reason = Reason.LIVE


class OtherVerdict(Value):
    """What another version says of an image."""

    model: ModelRef
    labels: tuple[str, ...]
    """That hold by it."""


class ImageTagged(TagEvent):
    """An image was scored or decided on: every label with its probability and threshold."""

    type: Literal["ImageTagged"] = "ImageTagged"
    tags: tuple[Tag, ...]
    state: str = "visible"
    """`visible`, or `hidden` until a person has verified it."""
    content_digest: str | None = None
    """sha256 of the bytes that were scored."""
    before: OtherVerdict | None = None
    """What this replaces, where it is a replay's."""


class TagsHeld(TagEvent):
    """The tags that hold now, on the compacted topic; a deleted image has a tombstone instead."""

    type: Literal["TagsHeld"] = "TagsHeld"
    tags: tuple[Tag, ...]
    """Only those that hold."""
    state: str
    decided_by: str | None = None
    """Who decided, where a person's word holds."""


class ModerationRequested(TagEvent):
    """A person should look at the image, or need not any more."""

    type: Literal["ModerationRequested"] = "ModerationRequested"
    action: Action
    label: str
    why: Route
    content_digest: str | None = None
    """sha256 of the bytes to look at: send it back with the decision."""


class CollectionChanged(TagEvent):
    """The image joins a collection of its restaurant's page, or leaves it."""

    type: Literal["AmbianceTagged"] = "AmbianceTagged"
    action: Action
    label: str
    why: Route


class VersionsCompared(TagEvent):
    """Both versions of a rollout have scored an upload; `tags` do not hold: nothing to act on."""

    type: Literal["VersionsCompared"] = "VersionsCompared"
    rollout: str
    """Which one."""
    tags: tuple[Tag, ...]
    """Every label by `model`, the version whose tags do not hold."""
    held: OtherVerdict
    """What holds."""
    content_digest: str | None = None
    """sha256 of the bytes that both have scored."""


AnyTagEvent = ImageTagged | TagsHeld | VersionsCompared | ModerationRequested | CollectionChanged


class Announcement(Value):
    """One event and the topic it goes to; without an event it is a tombstone of its key."""

    topic: str
    key: str
    """restaurant_id for a restaurant's collection, else image_id."""
    event: AnyTagEvent | StatementOfReasons | None
    traceparent: str | None = None
    """W3C trace context of the upload that led to it, where it came with one."""


class RescoreMode(StrEnum):
    """What becomes of the scores of a replay."""

    APPLY = "apply"
    """They hold, and changes are told."""
    SHADOW = "shadow"
    """They join the history, and nothing else is changed or told."""
    PUBLISH = "publish"
    """Those that a shadow has left in the history hold, and changes alone are told; nothing is scored."""


class RescoreRequested(Value):
    """The replay lane: score this image again, by this model version and by no other."""

    schema_version: int = 1
    event_id: str
    image_id: str
    claim: Claim
    """What the uploads topic says of the image; a head that knows something newer goes by that."""
    model_version: str = Field(validation_alias=AliasChoices("model_version", "shadow_version"))
    """On the wire it is called `shadow_version` where the mode is not `apply`: a worker of before knows no
    modes, and would apply what it finds a version in; without one it refuses the request."""
    mode: RescoreMode = RescoreMode.APPLY
    job: str
    """The replay that asked, for the scores' history; one that the store does not know is passed over."""
    decide_again: bool = False
    """Where the scores are there already: decide on them anew, by the routes of now."""
    requested_at: Moment

    @model_serializer(mode="wrap")
    def _named_by_mode(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = plain(self)
        if self.mode is RescoreMode.APPLY:
            del fields["mode"]
        else:
            fields["shadow_version"] = fields.pop("model_version")
        return fields


class Suspicion(Value):
    """Too many are rejected for the same cause: it may not be the message's fault."""

    cause: str
    since: Moment

    def __str__(self) -> str:
        return f"{self.cause} since {self.since.isoformat()}"


class DeadLetter(Value):
    """A record that can never succeed, or not now, exactly as it came, and why."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    source: tuple[str, int, int]
    """Topic, partition and offset that it came from."""
    last_offset: int | None = None
    """Of a letter in place of records that nobody can read: the last one's; the source is the first."""
    image_id: str | None = None
    stage: str
    code: str
    """The cause in one word: `gone`, `undecodable`, ..."""
    exception: str
    message: str
    trace: str = ""

    topic: str = topics.DEAD_LETTERS
    """The dead letters, the retry topic or the parking topic."""
    attempts: int = 0
    """How often the message was deferred before."""
    due_at: Moment | None = None
    """When it is worth another try; on the retry topic alone."""
    suspected: Suspicion | None = None
    """Why it is held aside and not buried."""

    @property
    def causes(self) -> Mapping[str, bytes]:
        """The headers that say why, under Kafka Connect's names; they replace those of an earlier hop."""
        topic, partition, offset = self.source
        fields = {
            "topic": topic,
            "partition": str(partition),
            "offset": str(offset),
            "last_offset": "" if self.last_offset is None else str(self.last_offset),
            "stage": self.stage,
            "code": self.code,
            "image_id": self.image_id or "",
            "exception.class.name": self.exception,
            "exception.message": self.message,
            "exception.stacktrace": self.trace,
            "attempts": str(self.attempts) if self.attempts else "",
            "due_at": self.due_at.isoformat() if self.due_at else "",
            "suspected": str(self.suspected) if self.suspected else "",
        }
        return {
            f"__connect.errors.{name}": text.encode(errors="backslashreplace")
            for name, text in fields.items()
            if text
        }
