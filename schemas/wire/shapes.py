"""Shape recognition: what a message of the uploads topic is, told by its headers and by its names.

| it has                                                        | it is                                    |
|---------------------------------------------------------------|------------------------------------------|
| headers `ce_specversion`, `ce_id`, ...                        | a CloudEvent in binary mode              |
| content-type `application/cloudevents+json`, or `specversion` | a CloudEvent in structured mode          |
| content-type `application/cloudevents-batch+json`, or a list  | a batch                                  |
| `Records`, or `"Event": "s3:TestEvent"`                       | an S3 notification (`schemas.wire.s3`)   |
| `s3` and `eventName`                                          | one record of an S3 notification         |
| `location`                                                    | an event of ours                         |
| `detail-type`, and `"source": "aws.s3"`                       | EventBridge's (`schemas.wire.eventbridge`) |
| `eventType`, `bucketId` and `objectId`, as headers too        | Cloud Storage's (`schemas.wire.gcs`)     |
| the names of one that cannot be read                          | refused (`schemas.wire.emitters`)        |
| the names of an envelope, or text                             | opened, and what is within is recognised |
| nothing of this                                               | an event of ours, or spoiled             |

Where an event of ours lacks its id, its time or its type, those that its envelopes say are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from schemas.errors import Malformed
from schemas.naming import Naming
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire import cloudevents, emitters, envelopes, eventbridge, framing, gcs, s3, s3_adapter
from schemas.wire.cloudevents import CloudEvent
from schemas.wire.envelopes import Hints
from schemas.wire.event_types import Asked, asked
from schemas.wire.json_bodies import IDS, as_object, validated, without_nulls
from schemas.wire.record_types import MAX_RECORDS, Ignored, Invalid, Part, Removed, Uploaded

Headers = Mapping[str, bytes]
Parts = tuple[Part, ...]

_OWN: Final = "event of our own"
_TAKEN: Final = "event of our own, for it is no other shape that is read"
_NOTHING: Final = Hints()
_TEST_TEXT: Final = "test notification"
"""NooBaa's, when notifications are switched on."""
_TYPE_HEADER: Final = "eventType"
"""Where Debezium's event router may put an outbox's type."""


def parts(raw: bytes | None, headers: Headers, naming: Naming) -> Parts:
    """What the message asks for, part by part; raises `Malformed` where it is all one fault."""
    found = _of_message(raw, headers, naming)
    if len(found) > MAX_RECORDS:
        raise Malformed(f"a message of {len(found):,} records; at most {MAX_RECORDS:,} are taken")
    return found


def _of_message(raw: bytes | None, headers: Headers, naming: Naming) -> Parts:
    if cloudevents.is_binary(headers):
        return _of_cloudevent(cloudevents.binary(raw, headers), naming, depth=1)
    body = framing.read(raw)
    if isinstance(body, list):
        return _of_list(
            body, naming, _NOTHING, depth=1, each_is_cloudevent=cloudevents.is_batch(body, headers)
        )
    if cloudevents.is_structured(body, headers):
        return _of_structured(body, naming, depth=1)
    if (said := gcs.attributes(body, headers)) is not None:
        return (gcs.part(said, body, naming),)
    kind = headers.get(_TYPE_HEADER)
    return _of_body(body, naming, Hints(kind.decode(errors="replace") or None if kind else None), depth=0)


def _of_body(body: object, naming: Naming, hints: Hints, *, depth: int) -> Parts:
    if depth > envelopes.MAX_DEPTH:
        raise Malformed(f"more than {envelopes.MAX_DEPTH} envelopes in one another")
    if isinstance(body, str):
        return _of_text(body, naming, hints, depth=depth + 1)
    if isinstance(body, list):
        return _of_list(body, naming, hints, depth=depth + 1)
    return _of_object(as_object(body), naming, hints, depth=depth)


def _of_object(document: dict[str, object], naming: Naming, hints: Hints, *, depth: int) -> Parts:
    if cloudevents.is_structured(document, {}):
        return _of_structured(document, naming, depth=depth + 1)
    if s3.is_test_event(document):
        return (Part(Ignored("a test event of a bucket's notifications"), document),)
    if "Records" in document:
        return _of_records(document["Records"], naming, hints, depth=depth + 1)
    if s3.is_record(document):
        name = f"{_sender(document)} notification's record"
        return (_within(name, lambda: s3.part(document, naming)),)
    if isinstance(document.get("location"), dict):
        return (_own(document, hints, shape=_OWN),)
    return _of_foreign(document, naming, hints, depth=depth)


def _of_foreign(document: dict[str, object], naming: Naming, hints: Hints, *, depth: int) -> Parts:
    if (emitter := emitters.refusing(document)) is not None:
        raise Malformed(f"{emitter.name}: {emitter.refused}")
    if eventbridge.is_event(document):
        return (_within(emitters.EVENT_BRIDGE.name, lambda: eventbridge.part(document, naming)),)
    if (said := gcs.attributes(document, {})) is not None:
        return (gcs.part(said, document, naming),)
    gcs.refuse_bare(document)
    if (envelope := envelopes.opened(document)) is None:
        return (_own(document, hints, shape=_TAKEN),)
    within = envelope.hints.over(hints)
    found = _in(envelope.shape, lambda: _of_body(envelope.inner, naming, within, depth=depth + 1))
    return tuple(replace(each, document=envelope.around(document, each.document)) for each in found)


def _of_text(text: str, naming: Naming, hints: Hints, *, depth: int) -> Parts:
    if text.strip() == _TEST_TEXT:
        return (Part(Ignored("a test event of a bucket's notifications"), text),)
    return _in("JSON within text", lambda: _of_body(framing.read(text.encode()), naming, hints, depth=depth))


def _of_records(sent: object, naming: Naming, hints: Hints, *, depth: int) -> Parts:
    if not isinstance(sent, list):
        raise Malformed(f"Records: a JSON {type(sent).__name__}, not an array")
    _bound(sent, "Records")

    found = tuple(
        part
        for place, each in enumerate(sent)
        for part in _of_record(each, place, naming, replace(hints, event_id=None), depth=depth)
    )
    return found or (Part(Ignored("a notification without records"), {"Records": []}),)


def _of_record(sent: object, place: int, naming: Naming, hints: Hints, *, depth: int) -> Parts:
    alone = {"Records": [sent]}

    def found() -> Parts:
        if isinstance(sent, dict) and "s3" not in sent and envelopes.opened(sent) is not None:
            # As Lambda gets them of SQS and SNS; in a list, which takes no id from outside either.
            parts = _of_body(sent, naming, hints, depth=depth)
            return tuple(replace(part, document=[part.document]) for part in parts)
        return (replace(s3.part(sent, naming), document=alone),)

    return _spoiled_alone(f"{_sender(sent)} notification: Records.{place}", alone, found)


def _sender(record: object) -> str:
    return emitters.of_record(record).name if s3.is_record(record) and isinstance(record, dict) else "S3"


def _of_list(
    sent: list[object], naming: Naming, hints: Hints, *, depth: int, each_is_cloudevent: bool = False
) -> Parts:
    _bound(sent, "a batch")

    # Several events cannot all have the one id that was said outside of them.
    each_hints = replace(hints, event_id=None)

    def found(each: object) -> Parts:
        if each_is_cloudevent:
            return _of_structured(each, naming, depth=depth)
        return _of_body(each, naming, each_hints, depth=depth)

    parts = (
        part
        for place, each in enumerate(sent)
        for part in _spoiled_alone(f"batch: event {place}, counted from 0", each, partial(found, each))
    )
    return tuple(replace(part, document=[part.document]) for part in parts) or (
        Part(Ignored("an empty batch"), sent),
    )


def _of_structured(body: object, naming: Naming, *, depth: int) -> Parts:
    found = _of_cloudevent(cloudevents.structured(body), naming, depth=depth)
    return tuple(replace(each, document=cloudevents.holding(body, each.document)) for each in found)


def _of_cloudevent(event: CloudEvent, naming: Naming, *, depth: int) -> Parts:
    return _in("CloudEvent", lambda: _of_data(event, naming, depth=depth))


def _of_data(event: CloudEvent, naming: Naming, *, depth: int) -> Parts:
    data = event.data
    if cloudevents.is_structured(data, {}):
        raise Malformed("a CloudEvent within a CloudEvent")
    if gcs.is_cloudevent(event.type):
        return (gcs.part(gcs.of_cloudevent(event.type, event.time, data), data, naming),)
    if (record := s3_adapter.record(event)) is not None:
        return (replace(s3.part(record, naming), document=data),)
    if (emitter := emitters.refusing({"type": event.type})) is not None:
        raise Malformed(f"{emitter.name}: {emitter.refused}")
    if isinstance(data, list) and not all(s3.is_record(each) for each in data or [None]):
        raise Malformed("its data is a JSON list, not an object")
    return _of_body(data, naming, event.hints, depth=depth)


def _own(document: dict[str, object], hints: Hints, *, shape: str) -> Part:
    return _within(shape, lambda: _own_part(document, hints))


def _own_part(document: dict[str, object], hints: Hints) -> Part:
    given = without_nulls(document)
    removal = _is_removal(given, hints)
    event = filled(given, hints, when="removed_at" if removal else "uploaded_at")
    if removal:
        return Part(Removed(validated(ImageRemoved, event, derived=IDS)), document)
    upload = validated(ImageUploaded, event, derived=IDS)
    said = given.get("content_type", given.get("contentType"))
    return Part(Uploaded(upload), document, said if isinstance(said, str) else None)


def _is_removal(given: Mapping[str, object], hints: Hints) -> bool:
    """Whether the event withdraws its image; raises `Malformed` for a type that is not known."""
    if "type" in given:
        return asked(given["type"]) is Asked.REMOVAL
    said = asked(hints.kind) if hints.kind else None
    return said is Asked.REMOVAL or "removed_at" in given


def filled(given: Mapping[str, object], hints: Hints, *, when: str) -> dict[str, object]:
    """`given`, with the id and the time of `hints` where it has none of its own."""
    said = {"event_id": hints.event_id, when: hints.time}
    return {name: value for name, value in said.items() if value is not None} | dict(given)


def _bound(sent: list[object], what: str) -> None:
    if len(sent) > MAX_RECORDS:
        raise Malformed(f"{what}: {len(sent):,} of them; at most {MAX_RECORDS:,} are taken")


def _spoiled_alone(name: str, alone: object, found: Callable[[], Parts]) -> Parts:
    """The parts of one member of several; where it is bad that is a part of its own, under its `name`."""
    try:
        return _in(name, found)
    except Malformed as error:
        return (Part(Invalid(error), alone),)


def _in(shape: str, found: Callable[[], Parts]) -> Parts:
    """The parts of what is within `shape`; each fault says where it is."""
    try:
        return tuple(_named(shape, each) for each in found())
    except Malformed as error:
        raise Malformed(f"{shape}: {error}") from error


def _within(shape: str, found: Callable[[], Part]) -> Part:
    return _in(shape, lambda: (found(),))[0]


def _named(shape: str, part: Part) -> Part:
    if not isinstance(part.record, Invalid):
        return part
    return replace(part, record=Invalid(Malformed(f"{shape}: {part.record.error}")))
