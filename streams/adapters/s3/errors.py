"""Error mapping of S3: this object never (`Gone`), or not now (`Unavailable`).

| said by S3                                                        | becomes                    |
|-------------------------------------------------------------------|----------------------------|
| NoSuchKey, NoSuchVersion, a delete marker, 410                    | Gone                       |
| KeyTooLongError, a name or a version that the storage cannot hold | Gone: no such object can be |
| 400 without a code for a key of more than 1024 bytes (to a HEAD)  | Gone: no such object can be |
| 400 without a code for a key with a segment `.` or `..`           | Gone: no such object can be |
| NoSuchBucket (the bucket is on the allow-list, so it should be)   | Unavailable                |
| 403 of any kind, expired or missing credentials, a skewed clock   | Unavailable                |
| 5xx, SlowDown, a timeout, a broken connection, half a body        | Unavailable                |
| 404 without a code of S3                                          | Gone if the bucket answers |

A wrong credential or a wrong endpoint never dead-letters a good image, hence everything that is not
plainly about the one object is `Unavailable`. Note that S3 answers 403, not 404, for a missing key
when the credentials lack `s3:ListBucket`: grant it, or missing objects are retried.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import ClientError as AiohttpError
from aiohttp.http_exceptions import HttpProcessingError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    UndefinedModelAttributeError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from schemas.errors import Gone, Unavailable
from schemas.uploads import Location

FOREIGN: Final = (
    BotoCoreError,
    ClientError,
    UndefinedModelAttributeError,
    ResponseParserError,
    AiohttpError,
    HttpProcessingError,
    TimeoutError,
    OSError,
)
"""Everything that the client raises on purpose; a test walks the exceptions of its libraries."""

CREDENTIALS: Final = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    ClientError,
    HTTPClientError,
    NoConnection,
)
"""Of a source of credentials that is away or refuses us, when the client is opened."""

_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "KeyTooLongError", "XMinioInvalidObjectName"})
_LONGEST_KEY: Final = 1024
_BAD_VERSION: Final = frozenset({"InvalidArgument", "InvalidVersionId"})


def mapped(error: BaseException, location: Location) -> Gone | Unavailable:
    """`error`, raised while `location` was fetched, as what its caller does about it."""
    if isinstance(error, ClientError) and _is_gone(error, location):
        return Gone(f"{location} does not exist ({code(error)})")
    return unavailable(error)


def unavailable(error: BaseException) -> Unavailable:
    """`error` as the storage's absence."""
    return Unavailable("s3", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def is_bare_404(error: BaseException) -> bool:
    """Whether S3 itself may not have said it: a proxy or a wrong endpoint answers 404 as well."""
    return isinstance(error, ClientError) and code(error) in ("404", "NotFound")


def is_no_version(error: ClientError) -> bool:
    """Whether it is the version that is not there, or that can be none."""
    return code(error) == "NoSuchVersion" or code(error) in _BAD_VERSION


def _is_gone(error: ClientError, location: Location) -> bool:
    if code(error) == "NoSuchBucket":
        return False
    if location.version and code(error) in _BAD_VERSION:
        return True
    return code(error) in _GONE or _status(error) in (404, 410) or _cannot_be(error, location)


def _cannot_be(error: ClientError, location: Location) -> bool:
    """S3 answers 405 for the version that is a deletion, and 400 without a code to a key that cannot be."""
    is_deletion = _metadata(error).get("HTTPHeaders", {}).get("x-amz-delete-marker") == "true"
    return (_status(error) == 405 and is_deletion) or (code(error) == "400" and _is_no_key(location.key))  # noqa: PLR2004 - HTTP's


def _is_no_key(key: str) -> bool:
    """Whether there are storages that can hold no object of that key; a gateway over files has no `..`."""
    return len(key.encode()) > _LONGEST_KEY or not {".", ".."}.isdisjoint(key.split("/"))


def code(error: ClientError) -> str:
    """What S3 calls the error; empty where it does not say."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(_metadata(error).get("HTTPStatusCode", 0))


def _metadata(error: ClientError) -> Any:  # noqa: ANN401 - botocore's own loose document
    return error.response.get("ResponseMetadata", {})
