"""Labelling service's shape: `POST /v1/compat/predictions`, for clients that were written for another API."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from console import forms, problems
from console.api.documents import ANSWERED, REFUSALS
from console.forms import SentFile
from console.problems import Problem
from console.service import ApiService, AuthorizedCaller, Service, caller_with
from console.together import together
from operations.predict import Prediction
from schemas.api_keys import Scope
from schemas.errors import Rejected

router = APIRouter(prefix="/v1/compat", tags=["predictions"])

MOST_FILES: Final = 16


class LabelProbability(BaseModel):
    """One label."""

    label: str
    probability: float


class FileResult(BaseModel):
    """What came of one file."""

    message: str = Field(description="Empty, or why there is no prediction")
    input: str = Field(description="The file's name, as it was sent")
    prediction: list[LabelProbability] = Field(description="Every label, the likeliest first")


class CompatDocument(BaseModel):
    """What came of all files, in their order."""

    message: str = Field(description="`Success`, or `Failed` where no file could be read")
    result: list[FileResult]


_FAILED: Final[dict[str, Any]] = {
    "description": "No file could be read; each result says why. Or the form is wrong (problem+json)",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/CompatDocument"}},
        problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}},
    },
}
_REFUSALS: Final = {
    status: each for status, each in REFUSALS.items() if status != problems.UNKNOWN_MODEL.status
}
_RESPONSES: Final = _REFUSALS | {problems.UNDECODABLE.status: _FAILED} | ANSWERED

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            forms.MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "maxItems": MOST_FILES,
                        }
                    },
                    "required": ["file"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


@router.post(
    "/predictions",
    response_model=CompatDocument,
    responses=_RESPONSES,
    openapi_extra=_BODY,
    summary="Tag several photographs, answered as a labelling service does",
    operation_id="predictCompat",
)
async def predict_files(
    request: Request,
    response: Response,
    service: Service,
    caller: Annotated[AuthorizedCaller, Depends(caller_with(Scope.PREDICT, basic=True))],
) -> CompatDocument:
    """Send each photograph as a part `file`. A broken one stands beside the others with its reason.

    The key may be the user's name of HTTP Basic, as that service's clients send theirs.
    """
    if forms.media_type(request) != forms.MULTIPART:
        raise Problem(problems.UNSUPPORTED_BODY, f"send {forms.MULTIPART} with parts `file`")
    service.predictor.admission.refuse_full()
    sent = await forms.files(request, "file", most=MOST_FILES)
    caller.spend(len(sent))
    results = await together(partial(_result, service, file) for file in sent)
    is_failure = all(each.message for each in results)
    response.status_code = problems.UNDECODABLE.status if is_failure else 200
    return CompatDocument(message="Failed" if is_failure else "Success", result=results)


async def _result(service: ApiService, file: SentFile) -> FileResult:
    try:
        prediction = await service.predictor.predict(file.data)
    except Rejected as error:
        problem = Problem.of(error)
        return FileResult(message=f"{problem.kind.code}: {problem.detail}", input=file.name, prediction=[])
    return FileResult(message="", input=file.name, prediction=_sorted(prediction))


def _sorted(prediction: Prediction) -> list[LabelProbability]:
    return [LabelProbability(label=tag.label, probability=tag.probability) for tag in prediction.verdict.tags]
