"""CloudEvents 1.0 over Kafka: the headers of our events in binary mode, and envelopes that come in.

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

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas import identity
from schemas.decisions import ModerationDecided
from schemas.errors import Malformed
from schemas.events import (
    AnyTagEvent,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
    VersionsCompared,
)
from schemas.statements import StatementOfReasons
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire import framing
from schemas.wire.envelopes import Hints

Event = AnyTagEvent | StatementOfReasons | ImageUploaded | ImageRemoved | ModerationDecided | RescoreRequested
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
    VersionsCompared: "compared",
    ModerationDecided: "decision",
    RescoreRequested: "rescore",
    StatementOfReasons: "statement",
}
"""What happened, in one word, by the event that says so."""

_OCCURRED: Final[Mapping[type[Event], str]] = {
    ImageUploaded: "uploaded_at",
    ImageRemoved: "removed_at",
    ModerationDecided: "decided_at",
    RescoreRequested: "requested_at",
    StatementOfReasons: "occurred_at",
}


def type_of(event: Event) -> str:
    """The event's `ce_type`."""
    return f"tagstream.photos.{KINDS[type(event)]}.v{event.schema_version}"


def headers(event: Event, *, source: str, now: datetime) -> Headers:
    """The headers of `event`, published at `now` by the installation `source`."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event.event_id,
        "ce_source": source,
        "ce_type": type_of(event),
        "ce_time": _occurred(event, now).isoformat(),
        "ce_subject": event.image_id,
        "content-type": "application/json",
    }
    return tuple((name, text.encode()) for name, text in attributes.items())


def traced(traceparent: str | None) -> Headers:
    """The header of the trace that an event is said in, where there is one."""
    return ((TRACEPARENT, traceparent.encode()),) if traceparent else ()


def _occurred(event: Event, now: datetime) -> datetime:
    field = _OCCURRED.get(type(event))
    moment: datetime = getattr(event, field) if field else now
    return moment


_STRUCTURED: Final = "application/cloudevents"
_BATCH: Final = "application/cloudevents-batch"
_FORMAT: Final = "+json"
STRUCTURED_JSON: Final = _STRUCTURED + _FORMAT
_JSON: Final = re.compile(r"(?i:[\w.+-]+/(?:json|[\w.+-]+\+json))")
_REQUIRED: Final = ("id", "source", "type")


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One CloudEvent: what it says of its data, and the data as a JSON value."""

    id: str
    source: str
    type: str
    time: object
    """As it was said, or None; the event's own model judges it."""
    data: object

    @property
    def hints(self) -> Hints:
        """What it says of an event of ours; a source's ids are unique to it alone."""
        return Hints(self.type, self.time, identity.event_id("cloudevent", self.source, self.id))


def content_type(headers: Mapping[str, bytes]) -> str:
    """The media type in the message's `content-type` header, in lower case; empty where absent."""
    found = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    return (found or b"").decode(errors="replace").partition(";")[0].strip().lower()


def is_binary(headers: Mapping[str, bytes]) -> bool:
    """Whether the message's headers are a CloudEvent's attributes, and its value the data."""
    return "ce_specversion" in headers and not content_type(headers).startswith(_STRUCTURED)


def is_structured(body: object, headers: Mapping[str, bytes]) -> bool:
    """Whether `body` is a whole CloudEvent. Raises `Malformed` for one of a format other than JSON."""
    kind = content_type(headers)
    if kind.startswith(_STRUCTURED) and not kind.endswith(_FORMAT):
        raise Malformed(f"content-type: {kind[:100]} is not read; {STRUCTURED_JSON} is")
    return kind == STRUCTURED_JSON or _has_version(body)


def is_batch(body: object, headers: Mapping[str, bytes]) -> bool:
    """Whether `body` is a list of CloudEvents, each of which must be one."""
    if not isinstance(body, list):
        return False
    return content_type(headers) == _BATCH + _FORMAT or any(_has_version(each) for each in body)


def _has_version(body: object) -> bool:
    return isinstance(body, dict) and "specversion" in body


def binary(raw: bytes | None, headers: Mapping[str, bytes]) -> CloudEvent:
    """The CloudEvent of a message in binary mode; raises `Malformed`."""
    attributes: dict[str, object] = {
        name.removeprefix("ce_"): _text(name, value)
        for name, value in headers.items()
        if name in {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"}
    }
    _require_json(content_type(headers) or None)
    return _envelope(attributes, framing.read(raw))


def structured(body: object) -> CloudEvent:
    """The CloudEvent that the JSON value `body` is; raises `Malformed`."""
    if not isinstance(body, dict):
        raise Malformed(f"a JSON {type(body).__name__}, not a CloudEvent")
    given = {name: value for name, value in body.items() if value is not None}
    _require_json(given.get("datacontenttype"))
    return _envelope(given, _data(given))


def holding(body: object, data: object) -> object:
    """The CloudEvent `body` around other data."""
    attributes = body if isinstance(body, dict) else {}
    return {name: value for name, value in attributes.items() if name != "data_base64"} | {"data": data}


def _envelope(attributes: Mapping[str, object], data: object) -> CloudEvent:
    version = attributes.get("specversion")
    if version != SPEC_VERSION:
        raise Malformed(f"specversion: {str(version)[:20]} is not supported; {SPEC_VERSION} is")
    texts = {name: value for name, value in attributes.items() if isinstance(value, str) and value}
    missing = [name for name in _REQUIRED if name not in texts]
    if missing:
        raise Malformed(f"a CloudEvent without {', '.join(missing)}")
    return CloudEvent(texts["id"], texts["source"], texts["type"], time=attributes.get("time"), data=data)


def _data(body: Mapping[str, object]) -> object:
    if ("data" in body) == ("data_base64" in body):
        raise Malformed("a CloudEvent has either data or data_base64")
    if "data" in body:
        return body["data"]
    try:
        return framing.read(base64.b64decode(str(body["data_base64"]), validate=True))
    except (binascii.Error, ValueError) as error:
        raise Malformed("data_base64: not base64") from error


def _require_json(kind: object) -> None:
    """Refuse data that says it is something else than JSON; saying nothing means JSON."""
    media = str(kind).partition(";")[0].strip()
    if kind is not None and not _JSON.fullmatch(media):
        raise Malformed(f"datacontenttype: {media[:100]} is not JSON")


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{name}: not UTF-8") from error
