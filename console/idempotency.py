"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07), with quotes around them or without."""

from __future__ import annotations

import re
from typing import Final

from console import problems
from console.problems import Problem

MEANING: Final = "Of your choice: the same request, sent again, is done once"

_KEY: Final = re.compile(r'"?[\x21\x23-\x7e]{1,255}"?')


def key(given: str | None) -> str | None:
    """Without the quotes that the draft puts around it; raises `Problem`."""
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise Problem(problems.BAD_BODY, "Idempotency-Key: 1 to 255 visible characters of ASCII")
    return given.strip('"')
