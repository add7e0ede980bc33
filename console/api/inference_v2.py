"""Open Inference Protocol v2: what Triton's clients and perf tools speak, thin, with its binary data."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from console import problems
from console.api import inference_tensors as tensors
from console.api.documents import MEANINGS, RATE_HEADERS
from console.api.inference_tensors import BadTensor, Images, InferenceRequest, InferenceResponse, ScoreTable
from console.problems import Problem
from console.service import ApiService, AuthorizedCaller, Service, caller_with
from console.together import together
from operations.predict import NotResident
from schemas.api_keys import Scope
from schemas.tags import Scores

PREFIX: Final = "/v2"

router = APIRouter(prefix=PREFIX, tags=["inference protocol"])


class ErrorDocument(BaseModel):
    """A refusal, as the protocol has it."""

    error: str


class ServerDocument(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class LivenessDocument(BaseModel):
    """That the server runs."""

    live: bool


class ReadinessDocument(BaseModel):
    """That the server answers predictions."""

    ready: bool


class ModelReadinessDocument(BaseModel):
    """That a version is loaded."""

    name: str
    ready: bool


class TensorDocument(BaseModel):
    """One tensor of the model; -1 is the number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What the model takes and gives."""

    name: str
    versions: list[str] = Field(description="The one that serves")
    platform: str
    inputs: list[TensorDocument]
    outputs: list[TensorDocument]


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorDocument, "description": MEANINGS[status]} for status in statuses}


_ERRORS: Final = _errors(400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503)
_READS: Final = _errors(401, 403, 404, 500, 503)
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}},
            tensors.BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Scores of every image; binary data follow where they are asked for",
        "headers": RATE_HEADERS,
        "content": {tensors.BINARY: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_predicting = Depends(caller_with(Scope.PREDICT))
_PREDICTING: Final = [_predicting]
Predicting = Annotated[AuthorizedCaller, _predicting]


@router.get(
    "",
    response_model=ServerDocument,
    responses=_errors(500),
    summary="What the server is",
    operation_id="serverMetadata",
)
async def server() -> ServerDocument:
    """Needs no key."""
    return ServerDocument(
        name="tagstream", version=metadata.version("tagstream"), extensions=["binary_tensor_data"]
    )


@router.get(
    "/health/live",
    response_model=LivenessDocument,
    responses=_errors(500),
    summary="Whether it runs",
    operation_id="serverLive",
)
async def live() -> LivenessDocument:
    """Needs no key."""
    return LivenessDocument(live=True)


@router.get(
    "/health/ready",
    response_model=ReadinessDocument,
    responses=_errors(500, 503),
    summary="Whether it answers predictions",
    operation_id="serverReady",
)
async def ready(service: Service) -> ReadinessDocument:
    """Needs no key."""
    if not service.is_ready():
        raise Problem(problems.UNAVAILABLE, "the server is not ready")
    return ReadinessDocument(ready=True)


@router.get(
    "/models/{name}",
    response_model=ModelMetadata,
    responses=_READS,
    summary="What the version that serves takes and gives",
    operation_id="modelMetadata",
    dependencies=_PREDICTING,
)
async def model(name: str, service: Service) -> ModelMetadata:
    """Its tensors and their shapes."""
    return await _described(service, name, None)


@router.get(
    "/models/{name}/versions/{version}",
    response_model=ModelMetadata,
    responses=_READS,
    summary="What a version takes and gives",
    operation_id="modelVersionMetadata",
    dependencies=_PREDICTING,
)
async def model_version(name: str, version: str, service: Service) -> ModelMetadata:
    """Its tensors and their shapes."""
    return await _described(service, name, version)


@router.get(
    "/models/{name}/ready",
    response_model=ModelReadinessDocument,
    responses=_READS,
    summary="Whether the model is loaded",
    operation_id="modelReady",
    dependencies=_PREDICTING,
)
async def model_ready(name: str, service: Service) -> ModelReadinessDocument:
    """503 where it is not."""
    return await _loaded(service, name, None)


@router.get(
    "/models/{name}/versions/{version}/ready",
    response_model=ModelReadinessDocument,
    responses=_READS,
    summary="Whether a version is loaded",
    operation_id="modelVersionReady",
    dependencies=_PREDICTING,
)
async def model_version_ready(name: str, version: str, service: Service) -> ModelReadinessDocument:
    """503 where it is not; asking has it loaded."""
    return await _loaded(service, name, version)


@router.post(
    "/models/{name}/infer",
    response_model=InferenceResponse,
    responses=_ERRORS | _ANSWERS,
    openapi_extra=_BODY,
    summary="Score images by the version that serves",
    operation_id="infer",
)
async def infer(name: str, request: Request, service: Service, caller: Predicting) -> Response:
    """Score 1 to 32 images: files as BYTES, or pixels as UINT8. All of them are answered, or none."""
    return await _inferred(request, service, caller, name)


@router.post(
    "/models/{name}/versions/{version}/infer",
    response_model=InferenceResponse,
    responses=_ERRORS | _ANSWERS,
    openapi_extra=_BODY,
    summary="Score images by a version",
    operation_id="inferVersion",
)
async def infer_version(
    name: str, version: str, request: Request, service: Service, caller: Predicting
) -> Response:
    """Score 1 to 32 images: files as BYTES, or pixels as UINT8. All of them are answered, or none."""
    return await _inferred(request, service, caller, f"{name}/{version}")


async def _described(service: ApiService, name: str, version: str | None) -> ModelMetadata:
    await _chosen(service, name, version)
    served = service.serving()
    return ModelMetadata(
        name=served.ref.name,
        versions=[served.ref.version],
        platform="tagstream",
        inputs=[TensorDocument(name=tensors.IMAGE, datatype="BYTES", shape=[-1])],
        outputs=[
            TensorDocument(name="probabilities", datatype="FP32", shape=[-1, len(served.labels)]),
            TensorDocument(name="labels", datatype="BYTES", shape=[len(served.labels)]),
        ],
    )


async def _loaded(service: ApiService, name: str, version: str | None) -> ModelReadinessDocument:
    wanted = await _chosen(service, name, version)
    if not service.predictor.is_resident(wanted):
        raise Problem.of(NotResident(f"version {wanted} is not loaded here"))
    return ModelReadinessDocument(name=name, ready=True)


async def _inferred(request: Request, service: ApiService, caller: AuthorizedCaller, spoken: str) -> Response:
    # One version answers all images of a request, whatever is swapped meanwhile.
    wanted = await service.choice.version_of(spoken) or service.serving().ref.version
    service.predictor.admission.refuse_full()
    asked, images = _read(await request.body(), request.headers.get(tensors.HEADER))
    caller.spend(images.count)
    scores = await _scored(service, images, wanted)
    return _answer(asked, scores, caller.response)


def _answer(asked: InferenceRequest, scores: list[Scores], spent: Response) -> Response:
    ref, labels = scores[0].model, tuple(scores[0].probabilities)
    rows = tuple(tuple(each.probabilities[label] for label in labels) for each in scores)
    try:
        body, json_length = tensors.written(asked, (ref.name, ref.version), ScoreTable(labels, rows))
    except BadTensor as error:
        raise Problem(problems.BAD_BODY, str(error)) from error
    kind = "application/json" if json_length is None else tensors.BINARY
    headers = {name: value for name, value in spent.headers.items() if name.startswith("ratelimit")}
    if json_length is not None:
        headers[tensors.HEADER] = str(json_length)
    return Response(body, media_type=kind, headers=headers)


def _read(body: bytes, header_length: str | None) -> tuple[InferenceRequest, Images]:
    try:
        return tensors.read(body, header_length)
    except BadTensor as error:
        raise Problem(problems.BAD_BODY, str(error)) from error


async def _chosen(service: ApiService, name: str, version: str | None) -> str | None:
    return await service.choice.version_of(name if version is None else f"{name}/{version}")


async def _scored(service: ApiService, images: Images, version: str | None) -> list[Scores]:
    """Of each image; the first that cannot be scored ends them all."""
    predictor = service.predictor
    if images.pixels is None:
        predicted = await together(partial(predictor.predict, each, version) for each in images.files)
        return [each.scores for each in predicted]
    side = service.serving().input_side
    if images.pixels.shape[1:] != (3, side, side):
        raise Problem(problems.BAD_BODY, f"pixels are [N, 3, {side}, {side}] here")
    forwarded = await together(partial(predictor.predict_pixels, each, version) for each in images.pixels)
    return [each.scores for each in forwarded]
