"""List of images: `GET /v1/images`, those that fit a filter, page by page in the order of their ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from console import cursors, problems
from console.api.documents import unbounded
from console.api.images import Caller, HeldImage
from console.problems import FieldError, Problem
from console.service import Service
from operations import audit_trail, image_list
from operations.image_list import ImageFilter
from operations.model_labels import require_known
from schemas.records import ImageHead, State

router = APIRouter(prefix="/v1/images", tags=["images"])

_REFUSED: Final = unbounded(
    {
        400: "The cursor is of a list with another filter",
        422: "A parameter is wrong, unknown or given twice, or the model has no such label",
    }
)
_SHOWN_TOGETHER: Final = 50
"""Images that are put into words before others of the event loop have their turn."""

_LONGEST_CURSOR: Final = 7_000
"""Characters: four texts of 200, each sign of which JSON may spell with six."""

Restaurant = Annotated[str | None, Query(min_length=1, max_length=200, description="Whose they are")]
Label = Annotated[
    str | None, Query(min_length=1, max_length=200, description="A tag that holds, by the model or a person")
]
ImageState = Annotated[State | None, Query(description="Whether the restaurant's page may show it")]
Version = Annotated[
    str | None, Query(min_length=1, max_length=200, description="The version of the model that scored it")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Images of a page, at most")]
Cursor = Annotated[
    str | None, Query(max_length=_LONGEST_CURSOR, description="`next` of the page before, with its filter")
]


class HeldImages(BaseModel):
    """A page of images. It may be short, or empty, and there may be more behind it: see `next`."""

    items: list[HeldImage] = Field(description="In the order of their ids")
    next: str | None = Field(description="`cursor` of the next page; null at the end, and there alone")


@router.get(
    "",
    response_model=HeldImages,
    responses=_REFUSED,
    summary="List images",
    operation_id="listImages",
)
async def listing(  # noqa: PLR0913, PLR0917 - what the request has
    service: Service,
    _caller: Caller,
    restaurant: Restaurant = None,
    label: Label = None,
    state: ImageState = None,
    model: Version = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HeldImages:
    """Those that fit all that is asked for, as they hold now; what was erased is not among them.

    At most 2,000 images are read for a page, and all but `restaurant` is held against what is read: a page
    may be short or empty while there is more. Go on until `next` is null.
    """
    if label is not None:
        require_known([label], service.serving().labels)
    wanted = ImageFilter(restaurant_id=restaurant, label=label, state=state, model_version=model)
    after = _place(cursor, wanted) if cursor is not None else ""
    found = await image_list.page(service.store, wanted, after=after, limit=limit)
    return HeldImages(
        items=[image async for image in _shown(found.heads)],
        next=None if found.behind is None else cursors.written(found.behind, *_words(wanted)),
    )


async def _shown(heads: tuple[ImageHead, ...]) -> AsyncIterator[HeldImage]:
    for place, head in enumerate(heads):
        if place % _SHOWN_TOGETHER == 0:
            await asyncio.sleep(0)
        yield HeldImage.of(audit_trail.follow(head, ()))


def _place(cursor: str, wanted: ImageFilter) -> str:
    """The image id behind which to begin. A forged cursor leads to no image that the key may not see."""
    words = _words(wanted)
    after, *said = cursors.read(cursor, str, *(str for _ in words))
    if tuple(said) != words:
        wrong = FieldError(parameter="cursor", detail="of a list with another filter")
        raise Problem(
            problems.OTHER_FILTER, "send the filter of the page before with its cursor", errors=[wrong]
        )
    return str(after)


def _words(wanted: ImageFilter) -> tuple[str, ...]:
    """The filter as a cursor carries it; no part of one is ever empty."""
    parts = (wanted.restaurant_id, wanted.label, wanted.state, wanted.model_version)
    return tuple(each or "" for each in parts)
