"""Byte range of an object, and what an answer to a ranged GET must be to be those bytes.

A storage, or a proxy before it, may answer with the whole object, or with less than was asked for. Taken for
the end of the object, less would be data that nobody reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import Unavailable
from schemas.uploads import Location

_ANSWERED: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `begin` on, `end` not among them; at least one."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"bytes={self.begin}-{self.end - 1}"

    def length(self, reply: Mapping[str, Any], location: Location) -> int:
        """How many of these bytes the object has; `Unavailable` where `reply` carries others, or fewer."""
        stated = int(reply.get("ContentLength", -1))
        came = str(reply.get("ContentRange", ""))
        if found := _ANSWERED.fullmatch(came):
            first, last, size = map(int, found.groups())
            is_sound = (first, last + 1, stated) == (self.begin, min(self.end, size), last + 1 - first)
        else:
            is_sound = not came and self.begin == 0 and 0 <= stated <= self.end  # the whole of a small one
        if not is_sound:
            raise Unavailable(
                "s3", f"{location}: {self} was asked for, {stated} bytes of {came or 'it'} came"
            )
        return stated

    def is_whole(self, reply: Mapping[str, Any]) -> bool:
        """Whether the object has no others, of a `reply` that carries these."""
        found = _ANSWERED.fullmatch(str(reply.get("ContentRange", "")))
        return self.begin == 0 and (found is None or int(found[3]) <= self.end)
