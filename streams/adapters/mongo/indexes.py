"""Index declarations: what must be there for every query to be carried, as data.

Any server of MongoDB's protocol can hold these: each is in ascending order. How a sharded cluster
spreads the collections is declared apart, in `sharding`.

Queries that page by `_id` have it last in their index, which then gives the order too. Such an index is
partial and not sparse: one of several fields is sparse only where *all* of them are absent, and `_id`
never is. A partial index serves only queries from which its condition follows: `x: "u1"` is one of
`x > ""`. A null, which heads hold where nobody is named, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Keys = tuple[tuple[str, int | str], ...]
Condition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection; `why` says who needs it."""

    collection: str
    name: str
    keys: Keys
    why: str
    condition: Condition = field(default_factory=lambda: MappingProxyType({}))
    """Which documents alone are in it; all where it is empty."""
    is_by_equality: bool = False
    """Nobody asks for an order or a range: a hashed index of the same field carries the queries as well."""
    is_for_people: bool = False
    """No query of ours needs it; those do that people make by hand."""


UPLOADERS: Final = ("head.claims.storage.uploader_id", "head.claims.producer.uploader_id")
"""Where a head names its uploader, by the voice that does."""

OF_UPLOADER: Final = tuple(
    Index(
        "images",
        f"images_by_uploader_of_{path.split('.')[2]}",
        ((path, 1), ("_id", 1)),
        "an erasure by uploader",
        {path: {"$gt": ""}},
    )
    for path in UPLOADERS
)

ROUTED_TO: Final = "head.verdict.routes.topic"
"""Where a head says on which topics it is told now: in an array."""

OF_RESTAURANT: Final = Index(
    "images",
    "images_by_restaurant",
    (("restaurant_id", 1), ("_id", 1)),
    "a restaurant's images",
    {"restaurant_id": {"$gt": ""}},
)
OF_COLLECTION: Final = Index(
    "images",
    "images_by_collection",
    (("restaurant_id", 1), (ROUTED_TO, 1), ("_id", 1)),
    "a restaurant's collection",
    {"restaurant_id": {"$gt": ""}, ROUTED_TO: {"$gt": ""}},
)

_IS_TOLD: Final = "head.erased.is_told"

INDEXES: Final = (
    Index(
        "images",
        "images_by_upload",
        (("uploaded_at", 1),),
        "people: the images of a time",
        is_for_people=True,
    ),
    *OF_UPLOADER,
    OF_RESTAURANT,
    OF_COLLECTION,
    Index(
        "images",
        "images_erased_untold",
        ((_IS_TOLD, 1), ("_id", 1)),
        "erasures that are not announced",
        {_IS_TOLD: False},
    ),
    Index("scores", "scores_of_image", (("image_id", 1),), "an image's history", is_by_equality=True),
    Index("statements", "statements_of_image", (("image_id", 1),), "an image's", is_by_equality=True),
    Index("statements", "statements_in_order", (("place", 1),), "the statements of a time, in order"),
)

RETIRED: Final = (
    *(
        Index(
            "images",
            f"images_of_uploader_by_{path.split('.')[2]}",
            ((path, 1),),
            "workers of an earlier version",
        )
        for path in UPLOADERS
    ),
    Index("images", "images_half_erased", ((_IS_TOLD, 1),), "workers of an earlier version"),
    Index(
        "images",
        "images_of_restaurant",
        (("restaurant_id", 1), ("state", 1)),
        "people, before there was one by image",
    ),
)
"""Of earlier versions: needed until their last worker is gone, and by nobody afterwards."""
