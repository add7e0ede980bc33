"""Translator: from S3's events as EventBridge says them to records of S3's own notifications.

The same fact, said both ways, is one event: the names and facts that its id is made of are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.errors import Malformed
from schemas.naming import Naming
from schemas.wire import s3
from schemas.wire.emitters import EVENT_BRIDGE
from schemas.wire.json_bodies import without_nulls
from schemas.wire.record_types import Ignored, Part

_CREATED: Final = "Object Created"
_DELETED: Final = "Object Deleted"
_ACTS: Final[Mapping[str, str]] = {
    "PutObject": "Put",
    "POST Object": "Post",
    "CopyObject": "Copy",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
_LIFECYCLE: Final = "Lifecycle Expiration"
_MARKER: Final = "Delete Marker Created"


def is_event(body: Mapping[str, object]) -> bool:
    """Whether `body` is an event of S3's that EventBridge delivered."""
    return EVENT_BRIDGE.is_sender(body)


def part(body: Mapping[str, object], naming: Naming) -> Part:
    """What the event asks for; raises `Malformed`."""
    kind, detail = body["detail-type"], body["detail"]
    if kind not in (_CREATED, _DELETED):
        return Part(Ignored(f"neither an upload nor a removal: {str(kind)[:100]}"), body)
    if not isinstance(detail, dict):
        raise Malformed(f"detail: a JSON {type(detail).__name__}, not an object")
    return s3.part_of(EVENT_BRIDGE, _record(body, without_nulls(detail)), body, naming)


def _record(body: Mapping[str, object], detail: Mapping[str, object]) -> dict[str, object]:
    said = detail.get("object")
    place = {"bucket": detail.get("bucket"), "object": _object(said) if isinstance(said, dict) else said}
    return without_nulls(
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": body.get("time"),
            "eventName": _name(body["detail-type"], detail),
            "s3": place,
        }
    )


def _object(said: Mapping[str, object]) -> dict[str, object]:
    spelled = {"etag": "eTag", "version-id": "versionId"}
    return {spelled.get(name, name): value for name, value in said.items()}


def _name(kind: object, detail: Mapping[str, object]) -> str:
    reason = str(detail.get("reason"))
    if kind == _CREATED:
        return f"ObjectCreated:{_ACTS.get(reason, 'Put')}"
    family = "LifecycleExpiration" if reason == _LIFECYCLE else "ObjectRemoved"
    return f"{family}:{'DeleteMarkerCreated' if detail.get('deletion-type') == _MARKER else 'Delete'}"
