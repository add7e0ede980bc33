"""Translator: from a CloudEvent that says part of an S3 notification's record to the whole record.

The CloudEvents adapter for S3 puts the event's name into the type and its time into the time, and some
leave them out of the data: `com.amazonaws.s3.ObjectCreated:Put`, with dots for the colon too.
"""

from __future__ import annotations

from typing import Final

from schemas.wire.cloudevents import CloudEvent

_PREFIXES: Final = ("com.amazonaws.s3.", "com.amazonaws.")


def record(event: CloudEvent) -> dict[str, object] | None:
    """The record; None where the event is of another kind, or its data says all itself."""
    prefix = next((each for each in _PREFIXES if event.type.startswith(each)), None)
    data = event.data if isinstance(event.data, dict) else {}
    if prefix is None or "eventName" in data:
        return None
    if "s3" in data:
        place = data["s3"]
    elif {"bucket", "object"} <= data.keys():
        place = data
    else:
        return None
    said = {
        "eventVersion": "2.1",
        "eventSource": event.source.partition(".")[0],
        "eventName": event.type.removeprefix(prefix).replace(".", ":"),
        "eventTime": event.time,
    }
    given = {
        name: value for name, value in data.items() if value is not None and name not in {"bucket", "object"}
    }
    return said | given | {"s3": place}
