"""Claims about an image from two sources, joined as a semilattice: which upload or removal is current.

Two voices speak of an image: storage, whose notifications carry a `sequencer`, and producers, whose
events carry a time. Within one voice claims are totally ordered; across the two only time compares.
Comparing any two events by the better of both rules is no order at all: with A (sequencer 1, 10:00),
B (no sequencer, 9:55) and C (sequencer 2, 9:50), C follows A, B follows C, and A follows B. So the
latest claim of *each voice* is kept, and the later of those two stands (ADR 7). That is a join: the
outcome is the same in whatever order and on whichever worker the events are seen, and however often
(but for one case: events of one image and one time, of which one is published again between others).
Two things take claims away, and are no joins (ADR 17): a time that should never have been taken, and
storage's answer that nothing is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import Field

from schemas.tags import Value
from schemas.uploads import ImageRemoved, ImageUploaded, Location, Position


class Claim(Value):
    """One event's claim: these bytes are the image, or the image is gone."""

    position: Position
    location: Location
    is_removal: bool = False
    restaurant_id: str | None = None
    uploader_id: str | None = None
    attributes: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, event: ImageUploaded | ImageRemoved, position: Position) -> Self:
        """What `event` claims, at its place in the order."""
        removal = isinstance(event, ImageRemoved)
        facts = {} if removal else event.model_dump(include={"restaurant_id", "uploader_id", "attributes"})
        return cls(position=position, location=event.location, is_removal=removal, **facts)

    def is_same(self, other: Claim) -> bool:
        """Whether both come from one event."""
        return self.position.is_same(other.position)

    def completed(self, other: Claim) -> Claim:
        """This claim, with what `other`, of the same event, may have read in the object's metadata."""
        names = ("restaurant_id", "uploader_id")
        known = {name: getattr(self, name) or getattr(other, name) for name in names}
        return self.model_copy(update=known)


class Claims(Value):
    """The latest claim of each voice. A join-semilattice under `joined`."""

    storage: Claim | None = None
    producer: Claim | None = None

    @classmethod
    def of(cls, *claims: Claim) -> Claims:
        """The join of all of them."""
        joined = cls()
        for claim in claims:
            voice = "storage" if claim.position.sequencer else "producer"
            joined = joined.joined(cls(**{voice: claim}))
        return joined

    def joined(self, other: Claims) -> Claims:
        """The latest claim of each voice of both."""
        return Claims(
            storage=_later(self.storage, other.storage), producer=_later(self.producer, other.producer)
        )

    def within(self, horizon: datetime) -> Claims:
        """Those of times up to `horizon`: what an earlier version kept of a later one outranks nothing."""
        return Claims.of(*(each for each in self._every if each.position.uploaded_at <= horizon))

    def without(self, ended: Claim) -> Claims:
        """Those of other events than that of `ended`."""
        return Claims.of(*(each for each in self._every if not each.is_same(ended)))

    @property
    def _every(self) -> tuple[Claim, ...]:
        return tuple(each for each in (self.storage, self.producer) if each)

    @property
    def current(self) -> Claim:
        """The claim that holds; raises `LookupError` where there is none."""
        standing = _later(self.storage, self.producer)
        if standing is None:
            raise LookupError("no claim was made")
        return standing

    def outranked_removal(self, arrived: Claims) -> Claim | None:
        """The removal of storage's voice, or that `arrived`, where a producer's later time outranks it."""
        if self.current.is_removal or self.current.position.sequencer:
            return None
        removals = (self.storage, arrived.storage, arrived.producer)
        return next((each for each in removals if each and each.is_removal), None)

    @property
    def uploader_ids(self) -> frozenset[str]:
        """Whose image it is as either voice says."""
        claims = (self.storage, self.producer)
        return frozenset(each.uploader_id for each in claims if each and each.uploader_id)

    @property
    def restaurant_id(self) -> str | None:
        """Whose image it is: as the standing claim says, else as the other voice does."""
        claims = (self.current, self.producer, self.storage)
        return next((each.restaurant_id for each in claims if each and each.restaurant_id), None)


def _later(one: Claim | None, other: Claim | None) -> Claim | None:
    if one is None or other is None:
        return one or other
    if one.is_same(other):
        # Published twice, it is as old as its first publication: the second must not change a document.
        return other.completed(one) if other.position.place < one.position.place else one.completed(other)
    return other if one.position.precedes(other.position) else one
