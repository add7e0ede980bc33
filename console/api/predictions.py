"""Predictions: `POST /v1/predictions`, one photograph now; nothing of it is stored or announced."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console import forms, json_bodies, problems
from console.api.documents import ANSWERED, REFUSALS
from console.problems import Problem
from console.service import ApiService, AuthorizedCaller, Service, caller_with
from console.validation import invalid
from operations.predict import Prediction
from schemas.api_keys import Scope
from schemas.tags import ModelRef, Tag
from schemas.uploads import Location

router = APIRouter(prefix="/v1", tags=["predictions"])


class ObjectLocation(BaseModel):
    """An object of a bucket on the allow-list."""

    model_config = ConfigDict(extra="forbid")

    bucket: str = Field(min_length=1, max_length=255, examples=["photos"])
    key: str = Field(min_length=1, max_length=1024, examples=["r1/table.jpg"])
    version: str | None = Field(None, max_length=1024, description="Of a bucket that keeps versions")


class PredictionRequest(BaseModel):
    """A photograph that lies in storage already."""

    model_config = ConfigDict(extra="forbid")

    location: ObjectLocation


class ImageDocument(BaseModel):
    """What the photograph's file is."""

    sha256: str = Field(description="Of its bytes, hexadecimal")
    width: int | None = Field(description="Pixels, as it is shown: upright")
    height: int | None
    format: str | None = Field(description="Told by its content", examples=["jpeg"])


class ModelDocument(BaseModel):
    """The version that has answered."""

    name: str = Field(examples=["restaurant"])
    version: str = Field(examples=["v3"])
    digest: str = Field(description="Of the weights", examples=["sha256:1c..."])

    @classmethod
    def of(cls, ref: ModelRef) -> ModelDocument:
        """Of that version."""
        return cls(name=ref.name, version=ref.version, digest=f"sha256:{ref.digest}")


class LabelDocument(BaseModel):
    """One label."""

    label: str
    probability: float = Field(ge=0, le=1)
    threshold: float = Field(description="From which on the label is applied")
    applied: bool


class VerdictDocument(BaseModel):
    """What follows."""

    tags: list[str] = Field(description="The labels that are applied")
    routes: list[str] = Field(
        description="The topics to which an upload would go; this photograph goes nowhere"
    )
    uncertain: bool = Field(description="Whether no label is sure, so that a person would be asked")


class TimingDocument(BaseModel):
    """Where the time went."""

    decode_ms: float
    queue_ms: float = Field(description="Until the batch began")
    forward_ms: float
    batch_size: int = Field(description="Photographs in the same forward")


class PredictionDocument(BaseModel):
    """What the model says of one photograph."""

    id: str = Field(description="The request's id; nothing of a prediction is kept", examples=["req_9f..."])
    image: ImageDocument
    model: ModelDocument
    labels: list[LabelDocument] = Field(description="Every label, the likeliest first")
    verdict: VerdictDocument
    timing: TimingDocument


_BODY: Final = json_bodies.or_form("image", PredictionRequest)


@router.post(
    "/predictions",
    response_model=PredictionDocument,
    responses=REFUSALS | ANSWERED,
    openapi_extra=_BODY,
    summary="Tag one photograph now",
    operation_id="predict",
)
async def predict(
    request: Request,
    service: Service,
    caller: Annotated[AuthorizedCaller, Depends(caller_with(Scope.PREDICT, is_strict=True))],
    model: Annotated[
        str | None,
        Query(
            max_length=300,
            description="`NAME`, `NAME/VERSION` or `NAME@ALIAS`; the version that serves if absent",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        Query(
            ge=0,
            le=1,
            description="For every label, in place of the model's own; routes go by those all the same",
        ),
    ] = None,
) -> PredictionDocument:
    """Send the photograph as the part `image` of a form, or name an object in storage as JSON.

    A prediction is a question: nothing is stored, nothing announced, and the bytes are kept nowhere.
    """
    service.predictor.admission.refuse_full()
    caller.spend(1)
    version = await service.choice.version_of(model)
    prediction = await _answered(request, service, version)
    return _document(prediction, request.state.request_id, threshold)


async def _answered(request: Request, service: ApiService, version: str | None) -> Prediction:
    match forms.media_type(request):
        case forms.MULTIPART:
            (sent,) = await forms.files(request, "image", most=1)
            return await service.predictor.predict(sent.data, version)
        case json_bodies.JSON:
            where = _asked(await request.body()).location
            location = Location(bucket=where.bucket, key=where.key, version=where.version)
            return await service.predictor.predict_stored(location, version)
    raise Problem(
        problems.UNSUPPORTED_BODY, f"send {forms.MULTIPART} with a part `image`, or {json_bodies.JSON}"
    )


def _asked(body: bytes) -> PredictionRequest:
    try:
        return PredictionRequest.model_validate_json(body)
    except ValidationError as error:
        if any(each["loc"][-1:] == ("url",) for each in error.errors(include_input=False)):
            raise Problem(
                problems.NO_URLS, "only objects of allowed buckets are read: send `location` or the bytes"
            ) from error
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from error


def _document(prediction: Prediction, request_id: str, threshold: float | None) -> PredictionDocument:
    facts, forwarded, verdict = prediction.facts, prediction.forwarded, prediction.verdict
    labels = [_label(tag, threshold) for tag in verdict.tags]
    tags = [each.label for each in labels if each.applied]
    return PredictionDocument(
        id=request_id,
        image=ImageDocument(
            sha256=prediction.digest,
            width=facts.width if facts else None,
            height=facts.height if facts else None,
            format=facts.format if facts else None,
        ),
        model=ModelDocument.of(verdict.model),
        labels=labels,
        verdict=VerdictDocument(
            tags=tags,
            routes=list(dict.fromkeys(route.topic for route in verdict.routes)),
            uncertain=not verdict.tagged,
        ),
        timing=TimingDocument(
            decode_ms=_milliseconds(prediction.decode_seconds),
            queue_ms=_milliseconds(forwarded.queued),
            forward_ms=_milliseconds(forwarded.forward),
            batch_size=forwarded.batch_size,
        ),
    )


def _label(tag: Tag, threshold: float | None) -> LabelDocument:
    at = tag.threshold if threshold is None else threshold
    applied = tag.tagged if threshold is None else tag.probability >= threshold
    return LabelDocument(label=tag.label, probability=tag.probability, threshold=at, applied=applied)


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
