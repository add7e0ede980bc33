"""Translator: from Cloud Storage's notifications (Pub/Sub, or CloudEvents of Eventarc) to what they ask for.

A notification is attributes, which say what happened, and the object's resource, which does not: alone it
could be that of an upload or of a deletion. The attributes come as the message's headers, beside its data,
or around it. The generation of an object is the time at which it came to be, in microseconds: it orders.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from schemas import identity
from schemas.errors import Malformed
from schemas.naming import Naming
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire.emitters import GCS, by_generation
from schemas.wire.json_bodies import IDS, parsed, validated, without_nulls
from schemas.wire.record_types import Ignored, Part, Record, Removed, Uploaded

Attributes = Mapping[str, object]

_REQUIRED: Final = frozenset({"eventType", "bucketId", "objectId"})
_CLOUDEVENT: Final = "google.cloud.storage.object.v1."
_KINDS: Final[Mapping[str, str]] = {
    "finalized": "OBJECT_FINALIZE",
    "deleted": "OBJECT_DELETE",
    "archived": "OBJECT_ARCHIVE",
    "metadataUpdated": "OBJECT_METADATA_UPDATE",
}
_FINALIZE: Final = "OBJECT_FINALIZE"
_REMOVALS: Final = frozenset({"OBJECT_DELETE", "OBJECT_ARCHIVE"})
_GENERATION: Final = re.compile(r"[0-9]{1,19}")
_RESOURCE: Final = "storage#object"


def attributes(body: object, headers: Mapping[str, bytes]) -> Attributes | None:
    """The attributes of a notification, wherever they are; None where the message is none."""
    if headers.keys() >= _REQUIRED:
        # Some of Kafka Connect's header converters put text into quotes.
        return {name: (value or b"").decode(errors="replace").strip('"') for name, value in headers.items()}
    if not isinstance(body, dict):
        return None
    message = body.get("message")
    places = (body, body.get("attributes"), message.get("attributes") if isinstance(message, dict) else None)
    return next((each for each in places if isinstance(each, dict) and each.keys() >= _REQUIRED), None)


def is_cloudevent(kind: str) -> bool:
    """Whether a CloudEvent of that type is a notification."""
    return kind.startswith(_CLOUDEVENT)


def of_cloudevent(kind: str, time: object, resource: object) -> Attributes:
    """The attributes that a CloudEvent says otherwise."""
    said = resource if isinstance(resource, dict) else {}
    word = kind.removeprefix(_CLOUDEVENT)
    return {
        "eventType": _KINDS.get(word, word),
        "bucketId": said.get("bucket"),
        "objectId": said.get("name"),
        "objectGeneration": said.get("generation"),
        "eventTime": time,
    }


def refuse_bare(body: Mapping[str, object]) -> None:
    """Raise `Malformed` where `body` is an object's resource that nothing says the fate of."""
    if body.get("kind") == _RESOURCE:
        raise Malformed(
            f"{GCS.name}: an object without the attributes that say what became of it; forward `eventType`,"
            " `bucketId`, `objectId`, `objectGeneration` and `eventTime` as headers of the message"
        )


def part(said: Attributes, body: object, naming: Naming) -> Part:
    """What a notification asks for; `body` is the message's. Raises `Malformed`."""
    try:
        return Part(_record(without_nulls(said), body, naming), body, _content_type(body))
    except Malformed as error:
        raise Malformed(f"{GCS.name}: {error}") from error


def _record(said: Attributes, body: object, naming: Naming) -> Record:
    kind, key = str(said.get("eventType")), said.get("objectId")
    if "overwrittenByGeneration" in said:
        return Ignored("overwritten: the upload that did it is an event of its own")
    if kind != _FINALIZE and kind not in _REMOVALS:
        return Ignored(f"neither an upload nor a removal: {kind[:100]}")
    if isinstance(key, str) and key.endswith("/"):
        return Ignored("a folder, which has no bytes")
    generation = str(said.get("objectGeneration", ""))
    sequencer = by_generation(generation if _GENERATION.fullmatch(generation) else None)
    when = said.get("eventTime", _time(body))
    facts = (str(kind == _FINALIZE), str(said.get("bucketId")), str(key), generation or str(when))
    event = {
        "event_id": identity.event_id("gcs", *facts),
        "location": {"bucket": said.get("bucketId"), "key": key},
    }
    if kind == _FINALIZE:
        made = event | naming.facts(str(key)) | {"uploaded_at": when}
        return Uploaded(validated(ImageUploaded, without_nulls(made), derived=IDS), sequencer)
    removal = validated(ImageRemoved, without_nulls(event | {"removed_at": when}), derived=IDS)
    return Removed(removal, sequencer, if_gone=True)  # it may have been an older generation


def _time(body: object) -> object:
    resource = _resource(body)
    return resource.get("updated", resource.get("timeCreated"))


def _content_type(body: object) -> str | None:
    said = _resource(body).get("contentType")
    return said if isinstance(said, str) else None


def _resource(body: object) -> Mapping[str, object]:
    """The object's resource: the body itself, or the data of the Pub/Sub message that it is."""
    outer = body if isinstance(body, dict) else {}
    if outer.get("kind") == _RESOURCE:
        return outer
    message = outer.get("message", outer)
    data = message.get("data") if isinstance(message, dict) else message
    try:
        inner = parsed(base64.b64decode(data, validate=True)) if isinstance(data, str) else None
    except (binascii.Error, ValueError, Malformed):
        return {}
    return inner if isinstance(inner, dict) else {}
