"""Header of a safetensors file: bounded in its length and its nesting before anything parses it.

8 bytes of length, little-endian, then JSON of three levels: tensors by name, what each is, its numbers.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigurationError

LENGTH_BYTES: Final = 8
MOST_BYTES: Final = 32 * 2**20
"""The largest networks have headers of some hundred kilobytes."""

MOST_NESTED: Final = 4
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[{\]}]")


def read(file: Path) -> dict[str, Any]:
    """The header of `file`. Raises `ConfigurationError`, which names the file, and `OSError`."""
    with file.open("rb") as opened:
        length = opened.read(LENGTH_BYTES)
        return _parsed(length, opened.read(min(_said(length), MOST_BYTES + 1)), file=file)


def parse(data: bytes, *, file: Path) -> dict[str, Any]:
    """The header at the beginning of `data`, which is in `file`. Raises `ConfigurationError`."""
    length = data[:LENGTH_BYTES]
    return _parsed(length, data[LENGTH_BYTES : LENGTH_BYTES + _said(length)], file=file)


def _said(length: bytes) -> int:
    return int.from_bytes(length, "little")


def _parsed(length: bytes, header: bytes, *, file: Path) -> dict[str, Any]:
    said = _said(length)
    if len(length) < LENGTH_BYTES or len(header) != said or said > MOST_BYTES:
        raise _damaged(file, f"its header is to have {said:,} bytes; {MOST_BYTES:,} at most are read")
    if _nested(header) > MOST_NESTED:
        raise _damaged(file, f"its header is nested deeper than {MOST_NESTED} levels")
    try:
        found = json.loads(header)
    except ValueError as error:
        raise _damaged(file, f"its header is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _damaged(file, "its header is no JSON object")
    return found


def _nested(header: bytes) -> int:
    """How deep its brackets go, as far as it matters."""
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", header)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > MOST_NESTED:
            break
    return deepest


def _damaged(file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{file}: not a safetensors file: {why}")
