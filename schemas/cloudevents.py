"""The headers under which our events travel: CloudEvents 1.0 over Kafka, in binary mode.

- `ce_type` is `tagstream.photos.<kind>.v<schema version>`. The kind says what happened and not where it
  is said: the topics of collections are data (a routes file names them), kinds are not.
- `ce_id` is the event's id and `ce_source` the installation's: together they name the event, and a
  redelivery repeats both.
- `ce_time` is when the fact occurred, where the event says when (an upload, a removal, a decision, a
  request). What Tagstream itself finds occurs when it is said, so a redelivery may carry a later time.
- `ce_subject` is the image's id.

A tombstone is no event but the end of its key on a compacted topic: it has none of these headers. An
id derived from its key would be the same for every deletion of an image that comes and goes, and
whoever deduplicates by id would miss the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from schemas.decisions import ModerationDecided
from schemas.events import (
    AnyTagEvent,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
)
from schemas.uploads import ImageRemoved, ImageUploaded

Event = AnyTagEvent | ImageUploaded | ImageRemoved | ModerationDecided | RescoreRequested
"""Everything that is published."""

Headers = tuple[tuple[str, bytes], ...]

SPEC_VERSION: Final = "1.0"
TRACEPARENT: Final = "traceparent"

KINDS: Final[Mapping[type[Event], str]] = {
    ImageUploaded: "uploaded",
    ImageRemoved: "removed",
    ImageTagged: "tagged",
    TagsHeld: "tags",
    ModerationRequested: "moderation",
    CollectionChanged: "collection",
    ModerationDecided: "decision",
    RescoreRequested: "rescore",
}
"""What happened, in one word, by the event that says so."""

_OCCURRED: Final[Mapping[type[Event], str]] = {
    ImageUploaded: "uploaded_at",
    ImageRemoved: "removed_at",
    ModerationDecided: "decided_at",
    RescoreRequested: "requested_at",
}


def type_of(event: Event) -> str:
    """The event's `ce_type`."""
    return f"tagstream.photos.{KINDS[type(event)]}.v{event.schema_version}"


def headers(event: Event, *, source: str, now: datetime) -> Headers:
    """The headers of `event`, published at `now` by the installation `source`."""
    said = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event.event_id,
        "ce_source": source,
        "ce_type": type_of(event),
        "ce_time": _occurred(event, now).isoformat(),
        "ce_subject": event.image_id,
        "content-type": "application/json",
    }
    return tuple((name, text.encode()) for name, text in said.items())


def traced(traceparent: str | None) -> Headers:
    """The header of the trace that an event is said in, where there is one."""
    return ((TRACEPARENT, traceparent.encode()),) if traceparent else ()


def _occurred(event: Event, now: datetime) -> datetime:
    field = _OCCURRED.get(type(event))
    moment: datetime = getattr(event, field) if field else now
    return moment
