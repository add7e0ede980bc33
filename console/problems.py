"""Problem details (RFC 9457): every refusal of the API with its status, in one table.

`Problem` is Starlette's `HTTPException`, since FastAPI takes any other one that is raised while it reads a
body for a malformed body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from operations.admission import Overloaded
from operations.batch_jobs import BatchConflict, UnknownBatch
from operations.batch_parts import ForeignPart
from operations.batch_rows import UnreadableList
from operations.batch_start import OtherRequest, OutputTaken, UnknownFormat
from operations.decide import Outranked
from operations.decision_desk import StaleRevision
from operations.erasure_desk import NotErased
from operations.model_choice import UnknownModel
from operations.model_labels import UnknownLabel
from operations.predict import DeadlineMissed, NotResident
from operations.receive import KeyTaken
from operations.thumbnails import PhotographGone
from schemas.errors import (
    Changed,
    ForeignFormat,
    Gone,
    KeepsFailing,
    NotAllowed,
    Rejected,
    TagstreamError,
    TooLarge,
    TooManyPixels,
    Unavailable,
    Unforeseen,
    UnknownImage,
)

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One row of the table."""

    code: str
    """The end of its `type`: scripts go by it."""
    status: int
    title: str
    retry_after: int | None = None
    """Seconds."""


UNAUTHENTICATED: Final = ProblemKind("unauthenticated", 401, "No valid key")
FORBIDDEN: Final = ProblemKind("forbidden", 403, "The key lacks the scope")
NOT_FOUND: Final = ProblemKind("not-found", 404, "There is no such resource")
BAD_METHOD: Final = ProblemKind("method-not-allowed", 405, "The resource does not know this method")
TOO_LARGE: Final = ProblemKind("too-large", 413, "The body is too large")
TOO_SLOW: Final = ProblemKind("too-slow", 408, "The body comes too slowly")
UNSUPPORTED_BODY: Final = ProblemKind("unsupported-media-type", 415, "The body is of no accepted media type")
BAD_BODY: Final = ProblemKind("malformed", 400, "The body cannot be read")
ONE_IMAGE: Final = ProblemKind("one-image", 400, "The form has to have one part with an image")
NO_URLS: Final = ProblemKind("urls-not-accepted", 400, "Addresses are not fetched")
OTHER_FILTER: Final = ProblemKind("cursor-mismatch", 400, "The cursor is of a list with another filter")
INVALID: Final = ProblemKind("invalid", 422, "The request has unknown or wrong fields")
UNSUPPORTED_IMAGE: Final = ProblemKind(
    "unsupported-image", 415, "The bytes are no image of an accepted format"
)
UNDECODABLE: Final = ProblemKind("undecodable", 422, "The image cannot be decoded")
BOMB: Final = ProblemKind("decompression-bomb", 422, "The image has too many pixels")
NOT_ALLOWED: Final = ProblemKind("bucket-not-allowed", 403, "The bucket is not on the allow-list")
GONE: Final = ProblemKind("object-gone", 422, "There is no such object")
OBJECT_TOO_LARGE: Final = ProblemKind("object-too-large", 422, "The object has too many bytes")
PHOTOGRAPH_GONE: Final = ProblemKind("photograph-gone", 410, "The photograph is not there any more")
NOT_ERASED: Final = ProblemKind("not-erased", 503, "The image is not erased, or not wholly", 5)
UNKNOWN_MODEL: Final = ProblemKind("unknown-model", 404, "There is no such model, version or alias")
NOT_LOADED: Final = ProblemKind("model-not-loaded", 503, "The version is not loaded here", 5)
NOT_EMPTY: Final = ProblemKind("output-not-empty", 409, "Something stands where the results shall be")
CONFLICT: Final = ProblemKind("conflict", 409, "The resource does not stand where this could be done")
UNREADABLE_LIST: Final = ProblemKind("unreadable-list", 422, "The list cannot be read")
MISMATCH: Final = ProblemKind("idempotency-mismatch", 422, "The key was used for another request")
KEY_TAKEN: Final = ProblemKind("key-taken", 409, "Another photograph stands there")
STALE: Final = ProblemKind("stale-revision", 412, "The resource is another one than was looked at")
OUTRANKED: Final = ProblemKind("outranked", 409, "A decision that is dated ahead of the clock holds")
UNKNOWN_LABEL: Final = ProblemKind("unknown-label", 422, "The model has no such label")
NO_REVISION: Final = ProblemKind("revision-required", 428, "The revision that was looked at is missing")
RATE: Final = ProblemKind("rate-limited", 429, "The key asks too often")
OVERLOADED: Final = ProblemKind("overloaded", 503, "Too much is in hand", 1)
DEADLINE: Final = ProblemKind("deadline", 503, "No answer within the deadline", 1)
UNAVAILABLE: Final = ProblemKind("unavailable", 503, "A dependency is away", 5)
INTERNAL: Final = ProblemKind("internal", 500, "The server failed")

SEE_LOG: Final = "see the server's log by the request_id"
"""All that is said of what has failed inside."""

_OF_ERRORS: Final[tuple[tuple[type[TagstreamError], ProblemKind], ...]] = (
    (UnknownBatch, NOT_FOUND),
    (UnknownImage, NOT_FOUND),
    (PhotographGone, PHOTOGRAPH_GONE),
    (NotErased, NOT_ERASED),
    (KeyTaken, KEY_TAKEN),
    (StaleRevision, STALE),
    (UnknownLabel, UNKNOWN_LABEL),
    (Outranked, OUTRANKED),
    (BatchConflict, CONFLICT),
    (OutputTaken, NOT_EMPTY),
    (ForeignPart, CONFLICT),
    (UnreadableList, UNREADABLE_LIST),
    (UnknownFormat, UNREADABLE_LIST),
    (OtherRequest, MISMATCH),
    (Changed, CONFLICT),
    (NotAllowed, NOT_ALLOWED),
    (Gone, GONE),
    (TooLarge, OBJECT_TOO_LARGE),
    (TooManyPixels, BOMB),
    (ForeignFormat, UNSUPPORTED_IMAGE),
    (Rejected, UNDECODABLE),
    (UnknownModel, UNKNOWN_MODEL),
    (NotResident, NOT_LOADED),
    (Overloaded, OVERLOADED),
    (DeadlineMissed, DEADLINE),
    (Unavailable, UNAVAILABLE),
    (KeepsFailing, UNAVAILABLE),
)
"""The first class that fits says which."""

_OF_STATUSES: Final = {404: NOT_FOUND, 405: BAD_METHOD, 400: BAD_BODY}
"""Of what Starlette raises by itself."""


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) into the body")
    parameter: str | None = Field(None, description="Name of a parameter of the query or the path")
    detail: str


class ProblemDocument(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(
        description="`/problems/` and a code that stays the same", examples=["/problems/undecodable"]
    )
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for")
    request_id: str = Field(description="By which the server's log can be searched")
    errors: list[FieldError] | None = Field(None, description="By field, where fields are wrong")


class Problem(HTTPException):
    """A refusal on its way out."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        again = {"Retry-After": str(kind.retry_after)} if kind.retry_after else {}
        super().__init__(kind.status, detail, {**again, **(headers or {})})
        self.kind = kind
        self.errors = errors

    @classmethod
    def of(cls, error: TagstreamError) -> Problem:
        """`error` as the table has it; what is not there is `internal`, and says nothing of itself."""
        kind = next((kind for of, kind in _OF_ERRORS if isinstance(error, of)), INTERNAL)
        return cls(kind, _detail(error, kind))

    @classmethod
    def of_status(cls, error: HTTPException) -> Problem:
        """What the framework has refused by itself."""
        kind = _OF_STATUSES.get(error.status_code)
        if kind is None:
            kind = ProblemKind(f"status-{error.status_code}", error.status_code, str(error.detail))
        return cls(kind, str(error.detail), headers=error.headers)


def _detail(error: TagstreamError, kind: ProblemKind) -> str:
    """In words that name no host of ours, and nothing of our insides."""
    match error:
        case Unavailable(dependency=name) | KeepsFailing(dependency=name):
            return f"{name} is away"
        case Unforeseen():
            return "decoding it fails"
    return SEE_LOG if kind is INTERNAL else str(error)


def response(problem: Problem, *, path: str, request_id: str) -> JSONResponse:
    """For whoever asked."""
    document = ProblemDocument(
        type=f"/problems/{problem.kind.code}",
        title=problem.kind.title,
        status=problem.kind.status,
        detail=problem.detail,
        instance=path,
        request_id=request_id,
        errors=problem.errors,
    )
    content: dict[str, Any] = document.model_dump(exclude_none=True)
    return JSONResponse(content, problem.kind.status, problem.headers, MEDIA_TYPE)
