"""Decisions: `POST /v1/decisions`, a moderator's word on up to 500 images, each as it was looked at."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from console import idempotency, json_bodies, problems
from console.api.documents import unbounded
from console.problems import FieldError, Problem
from console.service import AuthorizedCaller, Service, caller_with
from operations.decision_desk import MOST, AskedDecision, Decider, DecisionOutcome
from schemas.api_keys import Scope
from schemas.decisions import Decided

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])

_REVISION: Final = re.compile(r'"(0|[1-9][0-9]{0,18})"')
Labels = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)]


class DecisionRequest(BaseModel):
    """What was decided on one image."""

    model_config = ConfigDict(extra="forbid")

    image_id: str = Field(min_length=1, max_length=200, examples=["img_2v4k5w7x3m6n2p4q5r7s2t3u4v"])
    action: Decided
    revision: int | None = Field(
        None, ge=0, lt=2**63, description="Of the image as it was looked at; `If-Match` if absent"
    )
    labels: Labels | None = Field(None, description="With `correct`: all true labels; empty for none")
    unsure: Labels | None = Field(None, description="What could not be decided; learned from by nobody")
    comment: str | None = Field(None, max_length=2000)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """As an event wants it."""
        if (self.action is Decided.CORRECT) != (self.labels is not None):
            raise ValueError("labels go with `correct`, and `correct` with labels")
        if self.unsure is not None and self.action not in {Decided.CORRECT, Decided.APPROVE}:
            raise ValueError("unsure goes with `correct` and `approve`")
        if set(self.labels or ()) & set(self.unsure or ()):
            raise ValueError("a label stands under labels and under unsure")
        return self


class DecisionsRequest(BaseModel):
    """One decision an image."""

    model_config = ConfigDict(extra="forbid")

    decided_by: str | None = Field(
        None, min_length=1, max_length=200, description="Who has decided; the key's name if absent"
    )
    decisions: list[DecisionRequest] = Field(min_length=1, max_length=MOST)


class RefusalDocument(BaseModel):
    """Why a decision was not taken."""

    type: str = Field(examples=["/problems/stale-revision"])
    title: str
    status: int
    detail: str


class DecisionResult(BaseModel):
    """What became of one decision."""

    image_id: str
    status: str = Field(description="`accepted` or `rejected`")
    decision_id: str | None = Field(None, description="The event's id")
    problem: RefusalDocument | None = None

    @classmethod
    def of(cls, outcome: DecisionOutcome) -> DecisionResult:
        """Of what the desk says."""
        if outcome.refused is None:
            return cls(image_id=outcome.image_id, status="accepted", decision_id=outcome.event_id)
        problem = Problem.of(outcome.refused)
        said = RefusalDocument(
            type=f"/problems/{problem.kind.code}",
            title=problem.kind.title,
            status=problem.kind.status,
            detail=problem.detail,
        )
        return cls(image_id=outcome.image_id, status="rejected", problem=said)


class DecisionResults(BaseModel):
    """Of each, in the order of the request."""

    results: list[DecisionResult]


_REFUSED: Final = unbounded({428: "The revision that was looked at is missing"})
_ACCEPTED: Final[dict[str, Any]] = {"description": "Those that are accepted hold within a moment"}


@router.post(
    "",
    status_code=202,
    response_model=DecisionResults,
    response_model_exclude_none=True,
    responses=_REFUSED | {202: _ACCEPTED},
    openapi_extra=json_bodies.described(DecisionsRequest),
    summary="Decide on images",
    operation_id="decide",
)
async def decide(
    request: Request,
    service: Service,
    caller: Annotated[AuthorizedCaller, Depends(caller_with(Scope.REVIEW, is_strict=True))],
    idempotency_key: Annotated[str | None, Header(max_length=257, description=idempotency.MEANING)] = None,
    if_match: Annotated[
        str | None,
        Header(max_length=100, description="The revision of those that say none; see `ETag`"),
    ] = None,
) -> DecisionResults:
    """A decision outranks every score, of later models too, until it is revoked or the image is replaced.

    An image that has changed since it was looked at is not decided on, and the others are.
    """
    by_key, standing = idempotency.key(idempotency_key), _revision(if_match)
    asked = await json_bodies.read(request, DecisionsRequest)
    _refuse_twice(asked)
    decider = Decider(asked.decided_by or caller.key.name, caller.key.id, by_key)
    wanted = [_wanted(each, standing) for each in asked.decisions]
    outcomes = await service.decisions.decide(wanted, decider)
    return DecisionResults(results=[DecisionResult.of(each) for each in outcomes])


def _wanted(asked: DecisionRequest, standing: int | None) -> AskedDecision:
    revision = standing if asked.revision is None else asked.revision
    if revision is None:
        raise Problem(problems.NO_REVISION, "say the revision that was looked at, or send `If-Match`")
    facts = asked.model_dump(exclude={"revision"})
    return AskedDecision(**facts, revision=revision)


def _refuse_twice(asked: DecisionsRequest) -> None:
    seen: set[str] = set()
    for place, each in enumerate(asked.decisions):
        if each.image_id in seen:
            twice = FieldError(pointer=f"/decisions/{place}/image_id", detail="decided on twice")
            raise Problem(problems.INVALID, "an image is decided on twice", errors=[twice])
        seen.add(each.image_id)


def _revision(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    if (found := _REVISION.fullmatch(if_match)) is None:
        raise Problem(problems.BAD_BODY, 'If-Match: one revision, as "7"')
    return int(found[1])
