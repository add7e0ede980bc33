"""Ambiance collection: `/v1/restaurants/{restaurant_id}/ambiance`, what guests see of a restaurant now."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from console.api.documents import unbounded
from console.entity_tags import IfNoneMatch, entity_tag, has_it
from console.service import AuthorizedCaller, Service, caller_with
from operations import restaurant_collection
from operations.restaurant_collection import CollectedImage
from schemas import topics
from schemas.api_keys import Scope
from schemas.uploads import Location, Moment

router = APIRouter(prefix="/v1/restaurants", tags=["restaurants"])

_TAGGED: Final = {"ETag": {"description": "Of the whole answer", "schema": {"type": "string"}}}
_ANSWERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The collection", "headers": _TAGGED},
    304: {"description": "It is as it was in the answer that `If-None-Match` names", "headers": _TAGGED},
}

Caller = Annotated[AuthorizedCaller, Depends(caller_with(Scope.IMAGES_READ, Scope.OPERATE, is_strict=True))]
RestaurantId = Annotated[str, Path(max_length=200, examples=["r42"])]


class PlaceReason(BaseModel):
    """Why an image is in the collection, and where."""

    label: str
    threshold: float = Field(description="What the probability was held against")
    rule: str = Field(description="The rule that fired, in words, as `/why` has it")
    decided_by: str | None = Field(description="Whose decision holds of the image; null where there is none")


class AmbianceImage(BaseModel):
    """An image of the collection."""

    image_id: str
    location: Location
    rank: float = Field(description="The probability; 1 where a person has said so")
    probability: float = Field(description="The model's")
    reason: PlaceReason
    uploaded_at: Moment
    revision: int
    same_as: list[str] = Field(description="Other images of the very same bytes, that are left out")

    @classmethod
    def of(cls, found: CollectedImage) -> AmbianceImage:
        """As it was collected."""
        head, route = found.head, found.route
        return cls(
            image_id=head.image_id,
            location=head.location,
            rank=found.rank,
            probability=route.probability,
            reason=PlaceReason(
                label=route.label, threshold=route.threshold, rule=route.rule, decided_by=found.decided_by
            ),
            uploaded_at=head.position.uploaded_at,
            revision=head.revision,
            same_as=list(found.same_as),
        )


class AmbianceCollection(BaseModel):
    """The photographs of a restaurant's ambiance."""

    restaurant_id: str
    items: list[AmbianceImage] = Field(description="The highest rank first, the newest among equals")
    is_whole: bool = Field(description="False where there are more than the 1,000 that were looked at")


@router.get(
    "/{restaurant_id}/ambiance",
    response_model=AmbianceCollection,
    responses=unbounded({}) | _ANSWERED,
    summary="Show a restaurant's ambiance",
    operation_id="getAmbiance",
)
async def ambiance(
    service: Service, _caller: Caller, restaurant_id: RestaurantId, if_none_match: IfNoneMatch = None
) -> Response:
    """As guests see it now: the visible photographs that are in its collection, each with its reason.

    Of a restaurant that nobody knows there are none.
    """
    found = await restaurant_collection.collect(service.store, restaurant_id, topic=topics.AMBIANCE)
    items = [AmbianceImage.of(each) for each in found.images]
    document = AmbianceCollection(restaurant_id=restaurant_id, items=items, is_whole=found.is_whole)
    body = document.model_dump_json().encode()
    tagged = {"ETag": entity_tag(body)}
    if has_it(if_none_match, tagged["ETag"]):
        return Response(status_code=304, headers=tagged)
    return Response(body, media_type="application/json", headers=tagged)
