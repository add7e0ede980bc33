"""Integrity of an object: what does not match what storage says of it is no photograph of anybody's.

| what came                                                      | is refused by                 |
|----------------------------------------------------------------|-------------------------------|
| fewer bytes than stated, or a broken connection                | the client                    |
| other than `x-amz-checksum-sha256`, `-crc32`, `-crc32c`, `-sha1` says | this module            |
| other than a plain etag says, where nothing better was said    | this module                   |
| a page (`text/html`) without an etag, as a proxy answers       | this module                   |
| other bytes of an object than were asked for                   | `ranges`                      |

All of it is `Unavailable`: tried again, and in the end parked. A plain etag has 32 hexadecimal digits and is
the MD5 of the object, unless that is encrypted under KMS or a customer's key, or in a directory bucket. Of an
object in parts the etag says nothing, nor does a checksum of the parts' checksums. `crc64nvme` needs a
library that is not here: AWS sends it beside an MD5, except for parts.

The sha256 that everything after this calls the bytes by is taken along, in the same trip to a thread; where
storage states one, that is the only pass over the bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.record.util import calc_crc32c

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import listing

_PLAIN_ETAG: Final = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_BY_KMS: Final = frozenset({"aws:kms", "aws:kms:dsse"})
_DIRECTORY: Final = "--x-s3"
"""How the names of directory buckets end; their etags are no digests."""
_PAGES: Final = ("text/html", "application/xhtml+xml")
_INLINE: Final = 64 * 1024
"""Bytes up to which a digest is quicker than a thread."""
_ADVICE: Final = "; if this storage's etags are no MD5: TAGSTREAM_S3__ETAG_IS_MD5=false"

Reply = Mapping[str, Any]


def refuse_page(reply: Reply, location: Location) -> None:
    """Raise `Unavailable` for a page in place of an object: no storage answers without an etag."""
    kind = str(reply.get("ContentType", "")).lower()
    if not listing.etag(reply) and kind.startswith(_PAGES):
        raise Unavailable(
            "s3", f"{location}: a page ({kind}) without an etag: something else than storage answers"
        )


async def verify(data: bytes, reply: Reply, location: Location, *, etag_is_md5: bool) -> str:
    """The bytes' sha256, in hexadecimal. Raise `Unavailable` where they are not those that storage has."""
    stated = _stated(reply, location, etag_is_md5=etag_is_md5)
    if len(data) <= _INLINE:
        sha256, found = _taken(data, stated)
    else:
        sha256, found = await asyncio.to_thread(_taken, data, stated)
    if stated is not None and stated.value != found:
        told = f"its {stated.name} is {stated.value}, that of what came is {found}{stated.advice}"
        raise Unavailable("s3", f"{location}: {told}")
    return sha256.hex()


@dataclass(frozen=True, slots=True)
class _Stated:
    """What storage says that can be held against the bytes."""

    name: str
    value: str
    take: Callable[[bytes, bytes], str]
    """What it should be, of the bytes and of their sha256."""
    advice: str = ""


def _taken(data: bytes, stated: _Stated | None) -> tuple[bytes, str]:
    """The sha256, and what is to be what was stated."""
    sha256 = hashlib.sha256(data).digest()
    return sha256, stated.take(data, sha256) if stated else ""


def _coded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _crc(value: int) -> str:
    return _coded(value.to_bytes(4, "big"))


def _sha1(data: bytes, _sha256: bytes) -> str:
    return _coded(hashlib.sha1(data, usedforsecurity=False).digest())


def _md5(data: bytes, _sha256: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


_CHECKSUMS: Final[Mapping[str, Callable[[bytes, bytes], str]]] = {
    "sha256": lambda _, sha256: _coded(sha256),
    "crc32": lambda data, _: _crc(zlib.crc32(data)),
    "crc32c": lambda data, _: _crc(calc_crc32c(data)),
    "sha1": _sha1,
}
"""Cheapest first; the sha256 is taken in any case."""


def _stated(reply: Reply, location: Location, *, etag_is_md5: bool) -> _Stated | None:
    for name, take in _CHECKSUMS.items():
        if value := _whole(reply, f"Checksum{name.upper()}"):
            return _Stated(f"checksum {name}", value, take)
    if etag_is_md5 and (etag := _digest_of(reply, location)):
        return _Stated("etag", etag, _md5, _ADVICE)
    return None


def _whole(reply: Reply, name: str) -> str | None:
    """The checksum of the whole object; None where there is none, or one of parts."""
    stated = str(reply.get(name, ""))
    is_of_parts = "-" in stated or reply.get("ChecksumType") == "COMPOSITE"
    return None if is_of_parts else stated or None


def _digest_of(reply: Reply, location: Location) -> str | None:
    """The etag, where it is the MD5 of the object."""
    etag = listing.etag(reply) or ""
    is_encrypted = reply.get("ServerSideEncryption") in _BY_KMS or "SSECustomerAlgorithm" in reply
    is_digest = _PLAIN_ETAG.fullmatch(etag) and not is_encrypted and not location.bucket.endswith(_DIRECTORY)
    return etag.lower() if is_digest else None
