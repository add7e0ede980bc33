"""Message decoder: from the bytes of one Kafka message to the records in it, and back.

One message may carry several records (an S3 notification does), so the answer is a tuple; a bad
record is an answer of its own and does not spoil its siblings. `schemas.wire.shapes` says what a
message is by its shape; what it asks for passes the filter of `schemas.naming` at last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from schemas.batch_jobs import is_of_a_batch
from schemas.decisions import ModerationDecided
from schemas.errors import Malformed
from schemas.events import RescoreRequested
from schemas.naming import Naming
from schemas.wire import cloudevents, envelopes, framing, shapes
from schemas.wire.cloudevents import CloudEvent
from schemas.wire.json_bodies import as_object, validated, without_nulls
from schemas.wire.record_types import Ignored, Invalid, Part, Record, Removed, Uploaded, apart

Headers = Mapping[str, bytes]
PLAIN: Final = Naming()
_DERIVED: Final = frozenset({"event_id"})


def decode(raw: bytes | None, headers: Headers, naming: Naming = PLAIN) -> tuple[Record, ...]:
    """What one message of the uploads topic asks for; never empty, never raises on any bytes."""
    try:
        return apart(tuple(_filtered(part, naming) for part in shapes.parts(raw, headers, naming)))
    except Malformed as error:
        return (Invalid(error),)


def decode_decision(raw: bytes | None, headers: Headers) -> ModerationDecided | Invalid:
    """The decision that one message of the decisions topic is, bare or as a CloudEvent; never raises."""
    try:
        return validated(ModerationDecided, _decision(raw, headers), derived=_DERIVED)
    except Malformed as error:
        return Invalid(error)


def decode_rescore(raw: bytes | None, headers: Headers) -> RescoreRequested | Invalid:  # noqa: ARG001 - as its siblings
    """The request that one message of the replay lane is; never raises."""
    try:
        return validated(RescoreRequested, without_nulls(as_object(framing.read(raw))))
    except Malformed as error:
        return Invalid(error)


def encode(event: BaseModel) -> bytes:
    """`event` as UTF-8 JSON."""
    return event.model_dump_json(exclude_none=True).encode()


def _filtered(part: Part, naming: Naming) -> Part:
    """The part; an upload of what nobody wants asks for nothing. Whatever is gone is withdrawn."""
    why = None
    match part.record:
        case Uploaded(event) | Removed(event) if event.location.bucket == naming.own_bucket:
            why = "it is in the bucket of renditions"
        case Uploaded(event) | Removed(event) if is_of_a_batch(event.location.key):
            why = "a batch job has put it"
        case Uploaded(event):
            why = naming.unwanted(event.location.key, part.content_type)
    return part if why is None else Part(Ignored(why, is_filtered=True), part.document)


def _decision(raw: bytes | None, headers: Headers) -> dict[str, object]:
    if cloudevents.is_binary(headers):
        return _of_cloudevent(cloudevents.binary(raw, headers))
    body = framing.read(raw)
    for _ in range(envelopes.MAX_DEPTH):
        if cloudevents.is_structured(body, headers):
            return _of_cloudevent(cloudevents.structured(body))
        inner = envelopes.transported(body)
        if inner is None:
            break
        body = inner
    return without_nulls(as_object(body))


def _of_cloudevent(event: CloudEvent) -> dict[str, object]:
    data = as_object(event.data)
    return shapes.filled(without_nulls(data), event.hints, when="decided_at")
