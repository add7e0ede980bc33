"""Messages as producers, storage, moderators and a replay write them: JSON by hand, at fixed places."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from streams.message import Message

BUCKET = "photos"


def image_id(key: str, bucket: str = BUCKET) -> str:
    """As the documentation tells producers to derive it."""
    digest = hashlib.sha256(f"{bucket}\n{key}".encode()).digest()
    return "img_" + base64.b32encode(digest).decode().lower()[:26]


def moment(minute: int) -> str:
    """The minute after noon of the run's day."""
    return f"2026-03-14T{12 + minute // 60:02}:{minute % 60:02}:00Z"


def upload(
    key: str, *, offset: int, minute: int, restaurant: str | None = "r1", headers: tuple[Any, ...] = ()
) -> Message:
    """A producer's upload."""
    said = {
        "location": {"bucket": BUCKET, "key": key},
        "uploaded_at": moment(minute),
        "restaurant_id": restaurant,
        "attributes": {"camera": "phone"},
    }
    return _message("photos.uploaded.v1", offset, key, said, headers)


def removal(key: str, *, offset: int, minute: int) -> Message:
    """A producer's removal."""
    said = {
        "type": "ImageRemoved",
        "location": {"bucket": BUCKET, "key": key},
        "removed_at": moment(minute),
    }
    return _message("photos.uploaded.v1", offset, key, said)


def notification(
    *keys: str, event: str = "ObjectCreated:Put", offset: int, minute: int, version: str | None = None
) -> Message:
    """Storage's own word of these objects."""
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": moment(minute),
            "eventName": event,
            "s3": {
                "bucket": {"name": BUCKET},
                "object": {"key": key, "sequencer": f"{offset:016X}", "versionId": version},
            },
        }
        for key in keys
    ]
    return _message("photos.uploaded.v1", offset, keys[0], {"Records": records})


def decision(key: str, action: str, *, offset: int, minute: int, labels: list[str] | None = None) -> Message:
    """A moderator's."""
    said = {
        "image_id": image_id(key),
        "action": action,
        "labels": labels,
        "decided_at": moment(minute),
        "decided_by": "ada",
        "comment": f"said of {key}",
    }
    return _message("photos.decisions.v1", offset, key, said)


def rescore(key: str, *, version: str, offset: int, minute: int, decide_again: bool = False) -> Message:
    """A replay's request, which knows of the upload of that minute."""
    place = {"uploaded_at": moment(minute), "partition": 0, "offset": minute, "event_id": f"upload of {key}"}
    said = {
        "event_id": f"rescore {key} {version}",
        "image_id": image_id(key),
        "claim": {"position": place, "location": {"bucket": BUCKET, "key": key}, "restaurant_id": "r1"},
        "model_version": version,
        "job": "replay-1",
        "decide_again": decide_again,
        "requested_at": moment(minute),
    }
    return _message("photos.rescore.v1", offset, key, said)


def raw(value: bytes | None, *, offset: int, topic: str = "photos.uploaded.v1") -> Message:
    """Bytes that are nothing we know."""
    return Message(topic, 0, offset, key=b"key", value=value, headers=(("x-sent-by", b"somebody"),))


def retried(message: Message, key: str, *, attempts: int, offset: int) -> Message:
    """The message as it comes from the retry topic after so many deferrals, for the image of `key`."""
    said = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "image_id": image_id(key),
        "attempts": str(attempts),
        "due_at": moment(0),
    }
    causes = tuple((f"__connect.errors.{name}", text.encode()) for name, text in said.items())
    return Message(
        "photos.uploaded.v1.retry", 0, offset, message.key, message.value, (*message.headers, *causes)
    )


def _message(
    topic: str, offset: int, key: str, said: dict[str, Any], headers: tuple[Any, ...] = ()
) -> Message:
    return Message(topic, 0, offset, image_id(key).encode(), json.dumps(said).encode(), headers)
