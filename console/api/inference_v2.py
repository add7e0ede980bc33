"""Open Inference Protocol v2: what Triton's clients and perf tools speak, thin, with its binary data."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from console import problems
from console.api import inference_tensors as tensors
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


_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorDocument} for status in (400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503)
}
_READS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorDocument} for status in (401, 403, 404, 500, 503)
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}},
            tensors.BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
Predicting = Annotated[AuthorizedCaller, Depends(caller_with(Scope.PREDICT))]


@router.get("", response_model=ServerDocument, summary="What the server is", operation_id="serverMetadata")
async def server() -> ServerDocument:
    """Needs no key."""
    return ServerDocument(
        name="tagstream", version=metadata.version("tagstream"), extensions=["binary_tensor_data"]
    )


@router.get("/health/live", summary="Whether it runs", operation_id="serverLive")
async def live() -> dict[str, bool]:
    """Needs no key."""
    return {"live": True}


@router.get(
    "/health/ready",
    summary="Whether it answers predictions",
    operation_id="serverReady",
    responses={503: {"model": ErrorDocument}},
)
async def ready(service: Service) -> dict[str, bool]:
    """Needs no key."""
    if not service.is_ready():
        raise Problem(problems.UNAVAILABLE, "the server is not ready")
    return {"ready": True}


@router.get("/models/{name}", response_model=ModelMetadata, responses=_READS, operation_id="modelMetadata")
@router.get(
    "/models/{name}/versions/{version}",
    response_model=ModelMetadata,
    responses=_READS,
    operation_id="modelVersionMetadata",
)
async def model(name: str, service: Service, caller: Predicting, version: str | None = None) -> ModelMetadata:  # noqa: ARG001
    """What it takes and gives."""
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


@router.get("/models/{name}/ready", responses=_READS, operation_id="modelReady")
@router.get("/models/{name}/versions/{version}/ready", responses=_READS, operation_id="modelVersionReady")
async def model_ready(
    name: str,
    service: Service,
    caller: Predicting,  # noqa: ARG001
    version: str | None = None,
) -> dict[str, Any]:
    """Whether that version is loaded; asking has it loaded."""
    wanted = await _chosen(service, name, version)
    if not service.predictor.is_resident(wanted):
        raise Problem.of(NotResident(f"version {wanted} is not loaded here"))
    return {"name": name, "ready": True}


@router.post(
    "/models/{name}/infer",
    response_model=InferenceResponse,
    responses=_ERRORS,
    openapi_extra=_BODY,
    operation_id="infer",
)
@router.post(
    "/models/{name}/versions/{version}/infer",
    response_model=InferenceResponse,
    responses=_ERRORS,
    openapi_extra=_BODY,
    operation_id="inferVersion",
)
async def infer(
    name: str, request: Request, service: Service, caller: Predicting, version: str | None = None
) -> Response:
    """Score 1 to 32 images: files as BYTES, or pixels as UINT8. All of them are answered, or none."""
    wanted = await _chosen(service, name, version)
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
