"""Erasures: `DELETE /v1/images/{id}`, an image is erased for ever (GDPR Art. 17), done when it answers."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from console.api.documents import unbounded
from console.service import AuthorizedCaller, Service, caller_with
from operations.erase import ErasureResult
from operations.erasure_receipt import Receipt
from operations.erasure_targets import ErasureRequest
from schemas.api_keys import Scope

router = APIRouter(prefix="/v1/images", tags=["images"])


class ErasureDocument(BaseModel):
    """What was done, and what is left where."""

    receipt: Receipt = Field(description="As `tagstream erase` writes it: it names the image by its sha256")
    standing: list[str] = Field(
        description="Addresses of objects that storage still has; nobody knows them any more afterwards"
    )

    @classmethod
    def of(cls, result: ErasureResult) -> ErasureDocument:
        """Of one image."""
        return cls(receipt=result.receipt, standing=[str(each) for each in result.standing])


_REFUSED: Final = unbounded(
    {
        404: "The store does not know the image",
        503: "Too many are in hand, a dependency is away, or its object cannot be deleted: send it again",
    }
)


@router.delete(
    "/{image_id}",
    response_model=ErasureDocument,
    responses=_REFUSED,
    summary="Erase an image",
    operation_id="eraseImage",
)
async def erase(
    service: Service,
    caller: Annotated[AuthorizedCaller, Depends(caller_with(Scope.ADMIN, is_strict=True))],
    *,
    image_id: Annotated[str, Path(min_length=1, max_length=200, examples=["img_2v4k5w7x3m6n2p4q5r7s2t3u4v"])],
    objects: Annotated[
        bool, Query(description="Delete its object in storage, too, with all versions")
    ] = False,
    unseen: Annotated[
        bool, Query(description="Also where the store does not know it: what still waits is erased")
    ] = False,
) -> ErasureDocument:
    """It is erased, and consumers are told, when this answers; sent again it ends the same.

    Where its object cannot be deleted nothing is erased. Folders of labels and snapshots are not searched:
    `tagstream erase --data` does that.
    """
    request = ErasureRequest(image_ids=(image_id,), unseen=unseen, objects=objects, by=caller.key.name)
    done = await service.erasures.erase(image_id, request, key_id=caller.key.id)
    return ErasureDocument.of(done)
