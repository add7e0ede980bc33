"""The W3C trace context that a message came with, so that it can travel on with what follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TRACEPARENT: Final = re.compile(
    r"((?P<version>(?!ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?P<more>-.*)?"
)


def traceparent(headers: Mapping[str, bytes]) -> str | None:
    """The trace that the message belongs to; None where it says none, or none of the W3C's form.

    From the `traceparent` header, else from `ce_traceparent`: CloudEvents' distributed tracing extension.
    """
    said = (headers.get(name) for name in ("traceparent", "ce_traceparent"))
    return next((valid for value in said if value and (valid := _valid(value))), None)


def _valid(value: bytes) -> str | None:
    found = _TRACEPARENT.fullmatch(value.decode("ascii", errors="replace").strip())
    if found is None or (found["more"] and found["version"] == "00"):
        return None
    return found[1]  # what a later version of the format appends is not ours to repeat
