"""Which images are to be erased, and by what each can be found elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from operations import image_ids
from operations.erasure_data import Traces
from schemas.errors import ConfigurationError, Gone
from schemas.records import ImageHead
from schemas.uploads import Location
from streams.ports import ScoreStore

_LONGEST_ID: Final = 200
"""Characters of an id that an event can bring."""
_PAGE: Final = 500
"""Heads that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """What somebody wants erased, and how far."""

    image_ids: tuple[str, ...] = ()
    addresses: Mapping[str, Location] = field(default_factory=dict)
    """Of the images that were named by them: a tombstone has forgotten its object."""
    uploader_id: str | None = None
    """All images of this uploader, in place of named ones."""
    unseen: bool = False
    """Also images that the store does not know: what still waits in the topics will find a tombstone."""
    objects: bool = False
    """Delete the objects, too, with all their versions."""
    data: tuple[Path, ...] = ()
    """Folders of labels and snapshots."""
    by: str | None = None
    """Who runs it."""


@dataclass(frozen=True, slots=True)
class ErasureTarget:
    """One image, with what is lost once it is erased."""

    image_id: str
    is_known: bool
    is_erased: bool = False
    locations: tuple[Location, ...] = ()
    """Every object that either voice named, whichever version of it."""
    digests: frozenset[str] = field(default_factory=frozenset)
    """sha256 of all bytes that were ever scored."""


async def choose(
    scores: ScoreStore, request: ErasureRequest, *, by_bytes: bool = False
) -> tuple[ErasureTarget, ...]:
    """The images of the request; `by_bytes` with all of theirs, by which something is to be found.

    Raises `Gone` for one that is not known, unless such are meant.
    """
    by_bytes = by_bytes or bool(request.data)
    if request.uploader_id is not None:
        mine = [head async for head in _of(scores, request.uploader_id)]
        return tuple([await _target(scores, head, request, by_bytes=by_bytes) for head in mine])
    asked = tuple(dict.fromkeys(request.image_ids))
    heads = await scores.heads(asked)
    unknown = [image_id for image_id in asked if image_id not in heads]
    if unknown and not request.unseen:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise Gone(
            f"{image_ids.unknown(unknown[0])}{more}; nothing was erased. --unseen leaves a tombstone all the "
            "same, which what waits in a topic will find"
        )
    known = {
        image_id: await _target(scores, head, request, by_bytes=by_bytes) for image_id, head in heads.items()
    }
    return tuple(known.get(image_id) or _unseen(image_id, request) for image_id in asked)


def traces(targets: Iterable[ErasureTarget]) -> Traces:
    """By what data folders know the images."""
    every = tuple(targets)
    addresses = {str(location) for each in every for location in each.locations}
    ids = {each.image_id for each in every}
    return Traces(frozenset(ids | addresses), frozenset[str]().union(*(each.digests for each in every)))


async def _of(scores: ScoreStore, uploader_id: str) -> AsyncIterator[ImageHead]:
    after = ""
    while page := await scores.of_uploader(uploader_id, after=after, limit=_PAGE):
        for head in page:
            yield head
        after = page[-1].image_id


async def _target(
    scores: ScoreStore, head: ImageHead, request: ErasureRequest, *, by_bytes: bool
) -> ErasureTarget:
    history = await scores.records(head.image_id) if by_bytes else ()
    locations = () if head.is_erased else _locations(head)
    named = request.addresses.get(head.image_id)
    contents = [head.content, *(record.content for record in history)]
    return ErasureTarget(
        image_id=head.image_id,
        is_known=True,
        is_erased=head.is_erased,
        locations=tuple(dict.fromkeys((*locations, *((named,) if named else ())))),
        digests=frozenset(content.digest for content in contents if content)
        | frozenset(each.content_digest for each in head.all_decisions if each.content_digest),
    )


def _unseen(image_id: str, request: ErasureRequest) -> ErasureTarget:
    if not 0 < len(image_id) <= _LONGEST_ID:
        raise ConfigurationError(
            f"an image's id has 1 to {_LONGEST_ID} characters, not {len(image_id)}: nothing was erased"
        )
    named = request.addresses.get(image_id)
    return ErasureTarget(image_id, is_known=False, locations=(named,) if named else ())


def _locations(head: ImageHead) -> tuple[Location, ...]:
    claims = (head.all_claims.storage, head.all_claims.producer)
    tombstone = head.erased.event_id if head.erased else None
    named = [each.location for each in claims if each and each.position.event_id != tombstone]
    bare = (Location(bucket=each.bucket, key=each.key) for each in (*named, head.location))
    return tuple(dict.fromkeys(bare))
