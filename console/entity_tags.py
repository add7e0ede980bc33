"""Entity tags (RFC 9110): what an answer is told by, and whether whoever asks has it already."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

from fastapi import Header

IfNoneMatch = Annotated[
    str | None, Header(max_length=1000, description="`ETag` of the answer that you have: 304 where it holds")
]

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(body: bytes) -> str:
    """The tag of these bytes, with its quotes."""
    return f'"{hashlib.sha256(body).hexdigest()}"'


def has_it(if_none_match: str | None, tag: str) -> bool:
    """Whether the header names `tag`, weakly or not, or whatever there is."""
    given = (if_none_match or "").strip()
    return given == "*" or tag in _TAG.findall(given)
