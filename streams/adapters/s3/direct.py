"""Direct reads: what botocore has asked once is asked again without it, signed by its signer, over its pool.

A read through the whole of botocore costs some three times what its signature and its bytes do. So of each
bucket one read goes that way, and how it was asked is kept: address, headers, signer, connections. Later
reads are signed and sent alike. An answer other than 200, or none at all, is handed to botocore as what its
own first try came to: errors, redirects and tries are botocore's, and nothing is asked once more for them.

botocore tries again only while it has a quota left, to which every call that went well gives one back. Reads
past it give nothing, so after each trouble as many of them go the long way as may have been taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiobotocore.response import StreamingBody
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import percent_encode

from schemas.uploads import Location
from streams.adapters.s3.session import Exchange, StayingSession

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

TROUBLE: Final = 10
"""Of the quota, what one try takes at most."""
QUOTA: Final = 500
"""botocore's whole quota."""

_SIGNED_BY: Final = "s3v4"
_SAFE: Final = "/~"
"""What botocore leaves as it is in a key."""
_FOUND: Final = 200
_ABSENT: Final = frozenset({404, 410})

_HEADERS: Final = {
    "etag": "ETag",
    "content-type": "ContentType",
    "x-amz-version-id": "VersionId",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-crc32c": "ChecksumCRC32C",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-checksum-type": "ChecksumType",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
}
_METADATA: Final = "x-amz-meta-"


@dataclass(frozen=True, slots=True)
class _Asked:
    """How an object of a bucket was asked for."""

    base: str
    """The address, as far as the key."""
    headers: Mapping[str, str]
    signer: Any
    """botocore's, which has the credentials and replaces those that end."""
    scope: Mapping[str, str]
    """What the signer wants to be told."""


@dataclass(frozen=True, slots=True)
class _Known:
    """How to ask for a bucket's objects."""

    asked: _Asked
    session: StayingSession


class _Read(Exchange):
    """One read, and what it has come to until botocore takes it over."""

    def __init__(self, bucket: str, key: str, version: str | None) -> None:
        super().__init__()
        self.bucket = bucket
        self.key = key
        self.version = version
        self.asked: _Asked | None = None
        """How botocore asks for it."""


class DirectReads:
    """GETs of a client's objects; `watch` it once."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._owed = 0

    def watch(self, client: S3Client) -> None:
        """Learn from what the client is about to sign."""
        client.meta.events.register("before-sign.s3.GetObject", self._learn)

    async def get(self, client: S3Client, location: Location, *, version: str | None) -> Mapping[str, Any]:
        """The object as `client.get_object` returns it, as far as it is read here; raises as that does."""
        read = _Read(location.bucket, location.key, version)
        known = None if self._owed else self._known.get(read.bucket)
        found = await _ask(known, read) if known else None
        return found or await self._ask_botocore(client, read)

    async def _ask_botocore(self, client: S3Client, read: _Read) -> Mapping[str, Any]:
        which: Any = {"VersionId": read.version} if read.version else {}
        if read.failed or (read.answer and read.answer.status_code not in _ABSENT):
            self._known.pop(read.bucket, None)  # it may be elsewhere from now on
        try:
            with read.under_way():
                reply = await client.get_object(Bucket=read.bucket, Key=read.key, **which)
        except Exception as error:
            if _has_cost_tries(error):
                self._owed = min(self._owed + TROUBLE, QUOTA)
            raise
        self._owed = max(0, self._owed - 1)
        if read.asked and read.session:
            self._known[read.bucket] = _Known(read.asked, read.session)
        return reply

    def _learn(self, request: AWSRequest, **signing: Any) -> None:  # noqa: ANN401 - as botocore's events are
        read = Exchange.current()
        if isinstance(read, _Read):
            read.asked = _asked(request, read.key, signing)


def _has_cost_tries(error: Exception) -> bool:
    """Whether botocore may have tried again in vain."""
    if not isinstance(error, ClientError):
        return True
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def _asked(request: AWSRequest, key: str, signing: Mapping[str, Any]) -> _Asked | None:
    """What can be signed again; None for what only botocore knows how to ask, as of directory buckets."""
    address = str(request.url).partition("?")[0]
    within = request.context.get("signing", {})
    ending = percent_encode(key, safe=_SAFE)
    is_special = {"identity_cache", "request_credentials"} & within.keys()
    if is_special or signing["signature_version"] != _SIGNED_BY or not address.endswith(f"/{ending}"):
        return None
    scope = {
        "signing_name": within.get("signing_name") or signing["signing_name"],
        "region_name": within.get("region") or signing["region_name"],
        "signature_version": _SIGNED_BY,
    }
    base = address.removesuffix(ending)
    return _Asked(base, dict(request.headers.items()), signing["request_signer"], scope)


async def _ask(known: _Known, read: _Read) -> Mapping[str, Any] | None:
    """The object, or None where botocore is to make something of what `read` has come to."""
    signed = await _signed(known.asked, read)
    try:
        answer = await known.session.send(signed)
    except BotoCoreError as error:
        read.failed = error
        return None
    if answer.status_code == _FOUND:
        return _reply(answer)
    read.answer = answer
    return None


async def _signed(asked: _Asked, read: _Read) -> AWSPreparedRequest:
    url = asked.base + percent_encode(read.key, safe=_SAFE)
    if read.version:
        url += f"?versionId={percent_encode(read.version)}"
    request = AWSRequest("GET", url, asked.headers, stream_output=True)
    auth = await asked.signer.get_auth_instance(**asked.scope)
    auth.add_auth(request)
    return request.prepare()


def _reply(answer: Any) -> Mapping[str, Any]:  # noqa: ANN401 - aiobotocore's
    headers = answer.headers
    reply: dict[str, Any] = {_HEADERS[name]: value for name, value in headers.items() if name in _HEADERS}
    length = headers.get("content-length")
    if length is not None:
        reply["ContentLength"] = int(length)
    reply["Metadata"] = {
        name.removeprefix(_METADATA): value for name, value in headers.items() if name.startswith(_METADATA)
    }
    return reply | {"Body": StreamingBody(answer.raw, length)}
