"""Thumbnails: `GET /v1/images/{id}/thumbnail`, the photograph whose tags are known, made small by us."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from console.api.documents import unbounded
from console.api.images import Caller, ImageId, known_head
from console.entity_tags import IfNoneMatch, has_it
from console.service import Service
from operations import thumbnails
from schemas.thumbnail_sizes import ThumbnailSize

router = APIRouter(prefix="/v1/images", tags=["images"])

MEDIA_TYPE: Final = "image/jpeg"

_SHOWN: Final = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""A browser asks each time whether it is still to be shown, and takes it for nothing but a picture."""

_TEXT: Final = {"type": "string"}
_HEADERS: Final = {
    "ETag": {"description": "Of the photograph, the size, and how it is made", "schema": _TEXT},
    "Cache-Control": {"description": "`private, no-cache`: ask again each time", "schema": _TEXT},
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A JPEG without any metadata, upright",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "contentMediaType": MEDIA_TYPE}}},
        "headers": _HEADERS,
    },
    304: {"description": "It is what `If-None-Match` names", "headers": _HEADERS},
}
_REFUSED: Final = unbounded(
    {
        404: "The store does not know the image",
        410: "It was removed or erased, or what stands in storage is another photograph, or nothing",
    }
)


@router.get(
    "/{image_id}/thumbnail",
    response_class=Response,
    responses=_REFUSED | _ANSWERS,
    summary="Look at a photograph, small",
    operation_id="getThumbnail",
)
async def thumbnail(
    service: Service,
    _caller: Caller,
    image_id: ImageId,
    size: Annotated[
        ThumbnailSize, Query(description="Pixels of its longer side, at most: it is never enlarged")
    ] = ThumbnailSize.GRID,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The photograph that the tags are of, or none: one that was replaced meanwhile is not shown."""
    head = await known_head(service, image_id)
    tag = thumbnails.etag(head, size)
    headers = {**_SHOWN, "ETag": tag}
    if has_it(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(await service.thumbnails.of(head, size), media_type=MEDIA_TYPE, headers=headers)
