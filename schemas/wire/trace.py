"""W3C trace context: read from a message, so that it travels on with what follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from schemas.errors import Malformed
from schemas.wire import cloudevents, framing
from schemas.wire.json_bodies import as_object

_TRACEPARENT: Final = re.compile(
    r"((?P<version>(?!ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?P<more>-.*)?"
)


def traceparent(headers: Mapping[str, bytes], raw: bytes | None = None) -> str | None:
    """The trace that the message belongs to; None where it says none, or none of the W3C's form.

    From the `traceparent` header, else from CloudEvents' distributed tracing extension: the header
    `ce_traceparent`, or in structured mode, which its content-type must say, the attribute in `raw`.
    """
    candidates = (headers.get(name) for name in ("traceparent", "ce_traceparent"))
    valid = (found for value in candidates if value and (found := _valid(value)))
    return next(valid, None) or _in_body(headers, raw)


def _in_body(headers: Mapping[str, bytes], raw: bytes | None) -> str | None:
    if cloudevents.content_type(headers) != cloudevents.STRUCTURED_JSON:
        return None
    try:
        value = as_object(framing.read(raw)).get("traceparent")
    except Malformed:
        return None
    return _valid(value.encode()) if isinstance(value, str) else None


def _valid(value: bytes) -> str | None:
    found = _TRACEPARENT.fullmatch(value.decode("ascii", errors="replace").strip())
    if found is None or (found["more"] and found["version"] == "00"):
        return None
    return found[1]  # what a later version of the format appends is not ours to repeat
