"""S3 response mapping: etags without quotes, metadata readable, versions that tell."""

from __future__ import annotations

from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from typing import Any, Final

from schemas.uploads import Location

_NO_VERSION: Final = "null"
"""What a bucket that keeps no versions may call each content of an object: it tells none apart."""

_LONGEST_LINE: Final = 2048
"""What S3 keeps of metadata in all: one header is never folded."""

_STEPS: Final = {"": 0, ".": 0, "..": -1}
"""What a segment of a path does to its depth, where it is no name."""


def etag(reply: Mapping[str, Any]) -> str | None:
    """The etag, without its quotes; of an object that came in parts it ends in `-` and their number."""
    return str(reply.get("ETag", "")).strip('"') or None


def version(reply: Mapping[str, Any]) -> str | None:
    """The version, where the bucket keeps versions."""
    version = reply.get("VersionId")
    return None if version in (None, _NO_VERSION) else str(version)


def version_asked(location: Location) -> dict[str, str]:
    """The argument that asks for the location's version, where it has one."""
    return {"VersionId": location.version} if location.version else {}


def leads_out(key: str) -> bool:
    """Whether `.` and `..` lead from the bucket's own folder to itself or out of it.

    The client sends a key as it is, `GET /photos/../secrets/a`: S3 knows no folders, but a proxy in front
    of a storage may, and would ask it for an object of another bucket.
    """
    depth, segments = 0, key.split("/")
    for segment in segments:
        depth += _STEPS.get(segment, 1)
        if depth < 0:
            return True
    return depth == 0 and not {".", ".."}.isdisjoint(segments)


def read(metadata: Mapping[str, str]) -> dict[str, str]:
    """The uploader's metadata by lower-case name, without `x-amz-meta-`; RFC 2047 words are decoded."""
    return {name.lower(): _decoded(value) for name, value in metadata.items()}


def spelled(metadata: Mapping[str, str]) -> dict[str, str]:
    """`metadata` as headers can carry it: what is not ASCII becomes RFC 2047 words, as S3 itself does it."""
    return {name.lower(): _encoded(value) for name, value in metadata.items()}


def _encoded(value: str) -> str:
    return value if value.isascii() else Header(value, "utf-8", maxlinelen=_LONGEST_LINE).encode()


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):  # it only looks like one
        return value
