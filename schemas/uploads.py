"""Upload events: an image was uploaded or removed, where its bytes are, and its position in the order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from schemas import identity
from schemas.tags import Value


def _utc(moment: datetime) -> datetime:
    """`moment` in UTC; a naive one is taken as UTC."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


Moment = Annotated[datetime, AfterValidator(_utc)]
"""A point in time, in UTC."""


_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)


def spelled(moment: object) -> str:
    """One spelling of one moment; what is none is left to its field's own validation."""
    try:
        return _MOMENT.validate_python(moment).isoformat()
    except ValidationError:
        return str(moment)


def _bare(etag: object) -> object:
    return etag.strip('"') if isinstance(etag, str) else etag


class Location(Value):
    """Where an image's bytes are: one object, and which content of it where the producer knows."""

    bucket: str = Field(min_length=1, max_length=255)
    key: str = Field(min_length=1, max_length=1024)
    version: str | None = Field(None, max_length=1024)
    etag: Annotated[str, BeforeValidator(_bare)] | None = Field(None, max_length=1024)
    """Without the quotes that S3's own clients leave around it."""

    @property
    def content_version(self) -> str:
        """Which bytes: the object's version, else its etag, else `-` (whatever stands there)."""
        return self.version or self.etag or "-"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class ImageUploaded(Value):
    """A producer uploaded a photograph. Only `location` and `uploaded_at` are required."""

    schema_version: int = 1
    event_id: str = Field(min_length=1, max_length=200)
    """Unique per event; derived from the image, its content and the time where absent."""
    image_id: str = Field(min_length=1, max_length=200)
    """Stable per image; derived from bucket and key where absent (see `schemas.identity`)."""
    location: Location
    restaurant_id: str | None = Field(None, min_length=1, max_length=200)
    uploader_id: str | None = Field(None, min_length=1, max_length=200)
    uploaded_at: Moment
    attributes: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _derive_ids(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever came
        return _with_ids(given, "uploaded", given.get("uploaded_at") if isinstance(given, dict) else None)


class ImageRemoved(Value):
    """The photograph is gone: withdraw it everywhere."""

    schema_version: int = 1
    event_id: str = Field(min_length=1, max_length=200)
    """Unique per event; derived from the image, its content and the time where absent."""
    image_id: str = Field(min_length=1, max_length=200)
    location: Location
    removed_at: Moment

    @model_validator(mode="before")
    @classmethod
    def _derive_ids(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever came
        return _with_ids(given, "removed", given.get("removed_at") if isinstance(given, dict) else None)


def _with_ids(given: Any, fact: str, when: object) -> Any:  # noqa: ANN401 - pydantic hands over whatever came
    if not isinstance(given, dict) or not isinstance(given.get("location"), Mapping | Location):
        return given
    try:
        location = Location.model_validate(given["location"])
    except ValidationError:
        return given  # the field's own validation says where it is wrong
    image = given.get("image_id") or identity.image_id(location.bucket, location.key)
    derived = identity.event_id(fact, str(image), location.content_version, spelled(when))
    return {**given, "image_id": image, "event_id": given.get("event_id") or derived}


class Position(Value):
    """Where an event stands in the order of its image's events.

    Ordered by the S3 sequencer where both have one, else by the time of the event, else by partition
    and offset, and by their ids where one message carried both. That orders the events of one voice;
    `schemas.claims` says which of two voices holds.
    """

    uploaded_at: Moment
    partition: int
    offset: int
    event_id: str
    sequencer: str | None = None

    @classmethod
    def of(
        cls, event: ImageUploaded | ImageRemoved, origin: tuple[str, int, int], sequencer: str | None
    ) -> Self:
        """The place of `event`, which was first published at `origin` (topic, partition, offset)."""
        _, partition, offset = origin
        when = event.removed_at if isinstance(event, ImageRemoved) else event.uploaded_at
        return cls(
            uploaded_at=when,
            partition=partition,
            offset=offset,
            event_id=event.event_id,
            sequencer=sequencer,
        )

    def is_same(self, other: Position) -> bool:
        """Whether both are the same event, however often it was published or delivered."""
        return self.event_id == other.event_id

    def precedes(self, other: Position) -> bool:
        """Whether this *delivery* comes before `other`: a total order within one voice."""
        mine, others = self._rank, other._rank
        return mine < others if self.sequencer and other.sequencer else mine[1:] < others[1:]

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset."""
        return self.partition, self.offset

    @property
    def sequence(self) -> str:
        """The sequencer as it compares: storage's own order of the object's events; empty without one."""
        # Without its trailing zeros, as AWS wants it: right-padded with zeros.
        return (self.sequencer or "").upper().rstrip("0")

    @property
    def _rank(self) -> tuple[str, datetime, int, int, str]:
        return self.sequence, self.uploaded_at, self.partition, self.offset, self.event_id
