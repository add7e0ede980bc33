"""Integrity of an object: what does not match what storage says of it is no photograph of anybody's.

| what came                                                   | is refused by                 |
|-------------------------------------------------------------|-------------------------------|
| fewer bytes than stated, or a broken connection             | the client                    |
| other than `x-amz-checksum-crc32`, `-sha1`, `-sha256` says  | the client, which asks for it |
| other than `x-amz-checksum-crc32c` says                     | this module                   |
| other than a plain etag says, where nothing better was said | this module                   |
| a page (`text/html`) without an etag, as a proxy answers    | this module                   |

All of it is `Unavailable`: tried again, and in the end parked. A plain etag has 32 hexadecimal digits and is
the MD5 of the object, unless that is encrypted under KMS or a customer's key, or in a directory bucket. Of an
object in parts the etag says nothing, nor does a checksum of the parts' checksums. `crc64nvme` needs a
library that is not here: AWS sends it beside an MD5, except for parts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.record.util import calc_crc32c

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import listing

_PLAIN_ETAG: Final = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_BY_THE_CLIENT: Final = ("ChecksumCRC32", "ChecksumSHA1", "ChecksumSHA256")
_BY_KMS: Final = frozenset({"aws:kms", "aws:kms:dsse"})
_DIRECTORY: Final = "--x-s3"
"""How the names of directory buckets end; their etags are no digests."""
_PAGES: Final = ("text/html", "application/xhtml+xml")
_INLINE: Final = 64 * 1024
"""Bytes up to which a digest is quicker than a thread."""

Reply = Mapping[str, Any]


def refuse_page(reply: Reply, location: Location) -> None:
    """Raise `Unavailable` for a page in place of an object: no storage answers without an etag."""
    kind = str(reply.get("ContentType", "")).lower()
    if not listing.etag(reply) and kind.startswith(_PAGES):
        raise Unavailable(
            "s3", f"{location}: a page ({kind}) without an etag: something else than storage answers"
        )


async def verify(data: bytes, reply: Reply, location: Location, *, etag_is_md5: bool) -> None:
    """Raise `Unavailable` where the bytes are not those that storage says it has."""
    if any(_whole(reply, name) for name in _BY_THE_CLIENT):
        return
    if stated := _whole(reply, "ChecksumCRC32C"):
        found = base64.b64encode(calc_crc32c(data).to_bytes(4, "big")).decode()
        _refuse_other(location, "crc32c", stated, found)
    elif etag_is_md5 and (etag := _digest_of(reply, location)):
        advice = "; if this storage's etags are no MD5: TAGSTREAM_S3__ETAG_IS_MD5=false"
        _refuse_other(location, "etag", etag, await _md5(data), advice)


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


async def _md5(data: bytes) -> str:
    if len(data) <= _INLINE:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    digest = await asyncio.to_thread(hashlib.md5, data, usedforsecurity=False)
    return digest.hexdigest()


def _refuse_other(location: Location, what: str, stated: str, found: str, advice: str = "") -> None:
    if stated != found:
        raise Unavailable("s3", f"{location}: its {what} is {stated}, that of what came is {found}{advice}")
