"""Which images lack scores of the wanted version. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.claims import Claim, Claims
from schemas.records import ImageHead, State


class Choice(StrEnum):
    """What is to become of an image."""

    SEND = "send"
    SCORED = "scored"
    """It has scores of the wanted version."""
    DECIDE = "decide"
    """It has them, and is sent to be decided on anew."""
    REMOVED = "removed"
    """It was withdrawn: nobody resurrects it."""
    ELSEWHERE = "elsewhere"
    """It is another restaurant's."""
    TAGGED = "tagged"
    """It has scores of some version, and only images without any are wanted."""


SENT: Final = frozenset({Choice.SEND, Choice.DECIDE})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images a replay is about."""

    version: str
    """The model version whose scores they shall have."""
    restaurant_id: str | None = None
    only_missing: bool = False
    """Only images that no version has ever scored."""
    decide_again: bool = False
    """Also images that have the scores: they are decided on anew."""

    def choose(self, claims: Claims, head: ImageHead | None) -> tuple[Choice, Claim]:
        """What becomes of the image, and the claim that stands."""
        known = claims.joined(head.all_claims) if head else claims
        standing = known.standing
        return self._choice(known, head, standing), standing

    def _choice(self, known: Claims, head: ImageHead | None, standing: Claim) -> Choice:
        if standing.is_removal or (head and head.state is State.DELETED and _answers(head, standing)):
            return Choice.REMOVED
        if self.restaurant_id and self.restaurant_id != _restaurant(known, head):
            return Choice.ELSEWHERE
        if head is None or head.scores is None or not _answers(head, standing):
            return Choice.SEND
        if head.scores.model.version == self.version:
            return Choice.DECIDE if self.decide_again else Choice.SCORED
        return Choice.TAGGED if self.only_missing else Choice.SEND


def _answers(head: ImageHead, standing: Claim) -> bool:
    return head.position.is_same(standing.position)


def _restaurant(known: Claims, head: ImageHead | None) -> str | None:
    return known.restaurant_id or (head.restaurant_id if head else None)
