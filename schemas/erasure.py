"""Tombstone of an erased image: what its head remembers so that nothing of the image comes back (ADR 21).

It holds nothing that somebody said of the image: the moment, and the place in storage's own order, up to
which whatever is said is outranked. It stays on the head when a new photograph is uploaded later, so that a
redelivery of what was erased does not join what came after.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from schemas import identity
from schemas.claims import Claim, Claims
from schemas.tags import Value
from schemas.uploads import Location, Moment, Position

_NOWHERE: Final = "erased"
"""The bucket that events name in place of the one where the image was."""


class Erasure(Value):
    """That an image was erased, and what can no longer be said of it."""

    event_id: str
    erased_at: Moment
    until: Moment
    """What is of this moment or earlier is outranked. Not before `erased_at`; later where a claim was."""
    sequencer: str | None = None
    """The latest of storage's voice; what does not follow it is outranked, whatever its time."""
    is_told: bool = False
    """Whether the broker has acknowledged the withdrawal; until then the erasure is not finished."""

    @classmethod
    def of(cls, image_id: str, heard: Claims, *, at: datetime, horizon: datetime) -> Self:
        """The erasure of the image at this moment, which outranks all that was `heard` of it.

        What is dated beyond the `horizon` moves no tombstone with it: no worker takes it any more.
        """
        claims = [each for each in (heard.storage, heard.producer) if each]
        moments = [each.position.uploaded_at for each in claims]
        return cls(
            event_id=identity.event_id("erased", image_id, at.isoformat()),
            erased_at=at,
            until=max((at, *(min(moment, horizon) for moment in moments))),
            sequencer=heard.storage.position.sequencer if heard.storage else None,
        )

    def outranks(self, position: Position) -> bool:
        """Whether what stands at `position` was said of what is erased."""
        if position.uploaded_at <= self.until:
            return True
        mine = self._position.sequence
        return bool(mine and position.sequence and position.sequence <= mine)

    def admitted(self, claims: Claims) -> Claims:
        """Those of `claims` that are not outranked."""
        every = (claims.storage, claims.producer)
        return Claims.of(*(each for each in every if each and not self.outranks(each.position)))

    def raised(self, removal: Claim) -> Self:
        """The same erasure, which outranks also what `removal` ends: the removal itself is not remembered."""
        position = removal.position
        sequencer = position.sequencer if position.sequence > self._position.sequence else self.sequencer
        until = max(self.until, position.uploaded_at)
        return self.model_copy(update={"until": until, "sequencer": sequencer})

    def claim(self, image_id: str, *, uploader_id: str | None = None) -> Claim:
        """That the image is gone; it names the uploader by whom a run that was killed finds it again."""
        nowhere = Location(bucket=_NOWHERE, key=image_id)
        return Claim(position=self._position, location=nowhere, is_removal=True, uploader_id=uploader_id)

    @property
    def _position(self) -> Position:
        return Position(
            uploaded_at=self.until,
            partition=-1,
            offset=-1,
            event_id=self.event_id,
            sequencer=self.sequencer,
        )
