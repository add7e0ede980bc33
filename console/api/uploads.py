"""Uploads: `POST /v1/images`, a photograph is put into a bucket, or stands there, and is announced."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console import forms, idempotency, json_bodies, problems
from console.api.documents import RATE_HEADERS, REFUSALS, refusal
from console.api.predictions import ObjectLocation
from console.problems import FieldError, Problem
from console.service import AuthorizedCaller, Service, caller_with
from console.validation import invalid
from operations.receive import UploadFacts
from schemas import identity
from schemas.api_keys import Scope
from schemas.uploads import ImageUploaded, Location

router = APIRouter(prefix="/v1/images", tags=["images"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


class AnnouncementRequest(BaseModel):
    """A photograph that stands in a bucket already."""

    model_config = ConfigDict(extra="forbid")

    location: ObjectLocation
    restaurant_id: Name | None = None
    uploader_id: Name | None = None


class UploadDocument(BaseModel):
    """A photograph that is on its way to its tags."""

    image_id: str = Field(examples=["img_2v4k5w7x3m6n2p4q5r7s2t3u4v"])
    event_id: str
    location: str = Field(examples=["s3://photos/r1/table.jpg"])
    links: dict[str, str] = Field(description="`self` answers 404 until a worker has seen it")

    @classmethod
    def of(cls, event: ImageUploaded) -> UploadDocument:
        """Of its event."""
        here = f"{router.prefix}/{event.image_id}"
        return cls(
            image_id=event.image_id,
            event_id=event.event_id,
            location=str(event.location),
            links={"self": here, "why": f"{here}/why"},
        )


_BODY: Final = json_bodies.or_form("image", AnnouncementRequest)
_REFUSED: Final = REFUSALS | {409: refusal(409, "Another photograph stands there")}
_ACCEPTED: Final[dict[str, Any]] = {"description": "The broker has its event", "headers": RATE_HEADERS}


@router.post(
    "",
    status_code=202,
    response_model=UploadDocument,
    responses=_REFUSED | {202: _ACCEPTED},
    openapi_extra=_BODY,
    summary="Upload a photograph, or announce one",
    operation_id="uploadImage",
)
async def upload(  # noqa: PLR0913, PLR0917 - what the request has
    request: Request,
    response: Response,
    service: Service,
    caller: Annotated[AuthorizedCaller, Depends(caller_with(Scope.PREDICT, is_strict=True))],
    bucket: Annotated[str | None, Query(min_length=1, max_length=255, description="With a form")] = None,
    key: Annotated[str | None, Query(min_length=1, max_length=1024, description="With a form")] = None,
    restaurant_id: Annotated[
        str | None, Query(min_length=1, max_length=200, description="With a form: whose it is")
    ] = None,
    uploader_id: Annotated[
        str | None, Query(min_length=1, max_length=200, description="With a form: who sends it")
    ] = None,
    idempotency_key: Annotated[str | None, Header(max_length=257, description=idempotency.MEANING)] = None,
) -> UploadDocument:
    """Send it as the part `image` of a form, with `bucket` and `key`; or say where it stands, as JSON.

    What stands there is never replaced. A worker tags it, and its `image_id` follows from bucket and key.
    """
    by_key = idempotency.key(idempotency_key)
    caller.spend(1)
    match forms.media_type(request):
        case forms.MULTIPART:
            location = _location(bucket, key)
            facts = _facts(caller, location, by_key, restaurant_id=restaurant_id, uploader_id=uploader_id)
            (sent,) = await forms.files(request, "image", most=1)
            event = await service.reception.put(facts, sent.data)
        case json_bodies.JSON:
            _refuse_beside(bucket=bucket, key=key, restaurant_id=restaurant_id, uploader_id=uploader_id)
            asked = await json_bodies.read(request, AnnouncementRequest)
            where = Location(**asked.location.model_dump())
            named = {"restaurant_id": asked.restaurant_id, "uploader_id": asked.uploader_id}
            event = await service.reception.announce(_facts(caller, where, by_key, **named))
        case _:
            either = f"send {forms.MULTIPART} with a part `image`, or {json_bodies.JSON}"
            raise Problem(problems.UNSUPPORTED_BODY, either)
    response.headers["Location"] = f"{router.prefix}/{event.image_id}"
    return UploadDocument.of(event)


def _location(bucket: str | None, key: str | None) -> Location:
    given = {"bucket": bucket, "key": key}
    if missing := [name for name, value in given.items() if value is None]:
        told = [FieldError(parameter=name, detail="a form needs it") for name in missing]
        where = f"say {' and '.join(missing)}: where the photograph is to stand"
        raise Problem(problems.INVALID, where, errors=told)
    try:
        return Location.model_validate(given)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from error


def _refuse_beside(**given: str | None) -> None:
    """The body says it all: two that differ would leave it open which one holds."""
    if beside := sorted(name for name, value in given.items() if value is not None):
        told = [FieldError(parameter=name, detail="goes with a form") for name in beside]
        raise Problem(problems.INVALID, "with JSON the body alone says where it stands", errors=told)


def _facts(
    caller: AuthorizedCaller, location: Location, by_key: str | None, **named: str | None
) -> UploadFacts:
    event_id = None
    if by_key is not None:
        event_id = identity.event_id("uploaded", caller.key.id, by_key, str(location))
    return UploadFacts(location, event_id=event_id, **named)
