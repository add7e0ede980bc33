"""Cursors: where the next page begins, opaque to callers, and refused where they are none of ours."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from console import problems
from console.problems import FieldError, Problem


def written(*place: str | int) -> str:
    """The cursor of that place."""
    return base64.urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode().rstrip("=")


def read(cursor: str, *kinds: type[str | int]) -> tuple[Any, ...]:
    """The place, which has such values; raises `Problem`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        json.dumps(place, ensure_ascii=False).encode()  # half a surrogate pair can be asked of no store
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if not isinstance(place, list) or [type(each) for each in place] != list(kinds):
        wrong = FieldError(parameter="cursor", detail="not one of this list's: leave it out to begin again")
        raise Problem(problems.INVALID, "cursor: it is none of this list's", errors=[wrong])
    return tuple(place)
