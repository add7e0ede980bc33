"""Images: what holds of an uploaded photograph, why, every score of it, and the statements of reasons."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from console import problems
from console.api.documents import unbounded
from console.problems import Problem
from console.service import ApiService, AuthorizedCaller, Service, caller_with
from operations import audit_trail
from operations.audit_trail import Trail
from schemas.api_keys import Scope
from schemas.records import ImageHead, ScoreRecord, State
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef, Tag
from schemas.uploads import Location, Moment

router = APIRouter(prefix="/v1/images", tags=["images"])

_READ: Final = unbounded({404: "The store does not know the image"})

Caller = Annotated[AuthorizedCaller, Depends(caller_with(Scope.IMAGES_READ, is_strict=True))]
ImageId = Annotated[str, Path(max_length=1024, examples=["img_2v4k5w7x3m6n2p4q5r7s2t3u4v"])]


class HeldImage(BaseModel):
    """What holds of an image now."""

    image_id: str
    state: State
    restaurant_id: str | None
    location: Location
    uploaded_at: Moment
    model: ModelRef | None = Field(description="What made the scores; null before the first")
    tags: list[Tag] = Field(description="Every label, with what a person has said in place of the model")
    routes: list[str] = Field(description="The topics on which it is told now")
    is_decided: bool = Field(description="Whether a person's decision holds")
    revision: int = Field(description="Counts its changes; also in `ETag`")

    @classmethod
    def of(cls, trail: Trail) -> HeldImage:
        """As its trail has it."""
        decision = trail.decision
        return cls(
            image_id=trail.image_id,
            state=trail.state,
            restaurant_id=trail.restaurant_id,
            location=trail.location,
            uploaded_at=trail.standing.position.uploaded_at,
            model=trail.model,
            tags=list(trail.tags),
            routes=list(dict.fromkeys(route.topic for route in trail.routes if route.in_force)),
            is_decided=decision is not None and decision.in_force,
            revision=trail.revision,
        )


class ScoresDocument(BaseModel):
    """Every score that was ever made of an image."""

    items: list[ScoreRecord] = Field(description="The oldest first")


class StatementsDocument(BaseModel):
    """What was stated about an image, as the law wants it."""

    items: list[StatementOfReasons] = Field(description="The oldest first; one that was made stays as it is")


@router.get(
    "/{image_id}",
    response_model=HeldImage,
    responses=_READ,
    summary="Look at an image",
    operation_id="getImage",
)
async def look(service: Service, _caller: Caller, image_id: ImageId, response: Response) -> HeldImage:
    """Its tags, as they hold now. A removed photograph is still there, as `deleted`."""
    head = await known_head(service, image_id)
    response.headers["ETag"] = f'"{head.revision}"'
    return HeldImage.of(audit_trail.follow(head, ()))


@router.get(
    "/{image_id}/why",
    response_model=Trail,
    responses=_READ,
    summary="Explain an image",
    operation_id="explainImage",
)
async def why(service: Service, _caller: Caller, image_id: ImageId) -> Trail:
    """Which event stands, what was scored by which model, the rule behind each route, what people decided."""
    head = await known_head(service, image_id)
    return audit_trail.follow(head, await service.store.records(image_id))


@router.get(
    "/{image_id}/scores",
    response_model=ScoresDocument,
    responses=_READ,
    summary="List an image's scores",
    operation_id="listScores",
)
async def scores(service: Service, _caller: Caller, image_id: ImageId) -> ScoresDocument:
    """By every version that has ever scored it, of whatever bytes."""
    await known_head(service, image_id)
    found = await service.store.records(image_id)
    return ScoresDocument(items=sorted(found, key=lambda record: record.scored_at))


@router.get(
    "/{image_id}/statements",
    response_model=StatementsDocument,
    responses=_READ,
    summary="List an image's statements of reasons",
    operation_id="listStatements",
)
async def statements(service: Service, _caller: Caller, image_id: ImageId) -> StatementsDocument:
    """Why it was hidden or restored, and what a moderator decided."""
    await known_head(service, image_id)
    return StatementsDocument(items=list(await service.store.statements_of(image_id)))


async def known_head(service: ApiService, image_id: str) -> ImageHead:
    """The image's; raises `Problem` for one that the store does not know."""
    head = await service.store.head(image_id)
    if head is None:
        raise Problem(problems.NOT_FOUND, "the store does not know it: never uploaded, or not tagged yet")
    return head
