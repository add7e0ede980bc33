"""Moderators' decisions: an image is fine, is not, or shows something else than the model thought."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas import identity
from schemas.tags import Value
from schemas.uploads import Moment, spelled

MOST_DECISIONS: Final = 32
"""Decisions that a head remembers; more contents than that were hardly ever decided on under one key."""


class Decided(StrEnum):
    """What a person decided."""

    APPROVE = "approve"
    """Fine to show: visible whatever the scores say."""
    REJECT = "reject"
    """Not to be shown: hidden, and in no collection."""
    CORRECT = "correct"
    """The labels are these: they replace the model's tags, and the image has been verified."""
    REVOKE = "revoke"
    """The decision before is taken back: the scores speak again."""


_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def _digest(given: object) -> object:
    """The digest as the scores' documents spell it, however a client wrote it; raises `ValueError`."""
    if not isinstance(given, str):
        return given
    digest = given.strip().lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(digest):
        raise ValueError("not a sha256 in 64 hexadecimal digits, with `sha256:` before them or not")
    return digest


def _digests(given: object) -> tuple[str, ...]:
    """The digest in its one spelling; nothing where there is none, or a wrong one."""
    try:
        return (str(_digest(given)),) if given else ()
    except ValueError:
        return ()


class ModerationDecided(Value):
    """A moderator's decision on one image, as it stands on the decisions topic."""

    schema_version: int = 1
    event_id: str = Field(min_length=1, max_length=200)
    """Unique per decision; derived from the image, the action, who, when and the digest where absent."""
    image_id: str = Field(min_length=1, max_length=200)
    action: Decided
    labels: tuple[str, ...] | None = Field(None, max_length=100)
    """All true labels of the image; required for `correct`."""
    unsure: tuple[str, ...] | None = Field(None, max_length=100)
    """Labels that the person could not decide on, none of `labels`: neither learned from nor judged by."""
    decided_at: Moment
    decided_by: str = Field(min_length=1, max_length=200)
    comment: str | None = Field(None, max_length=2000)
    content_digest: Annotated[str, BeforeValidator(_digest)] | None = None
    """sha256 of the bytes that the person saw, from the moderation event; the standing ones where absent."""

    @model_validator(mode="before")
    @classmethod
    def _derive_id(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever came
        if not isinstance(given, dict) or given.get("event_id"):
            return given
        facts = [str(given.get(name)) for name in ("image_id", "action", "decided_by")]
        facts += [spelled(given.get("decided_at")), *_digests(given.get("content_digest"))]
        return {**given, "event_id": identity.event_id("decided", *facts)}

    @field_validator("labels", "unsure")
    @classmethod
    def _named(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        labels = tuple(label.strip() for label in given or ())
        if not all(labels):
            raise ValueError("a label is blank (an empty list says that none holds)")
        return None if given is None else labels

    @model_validator(mode="after")
    def _labels_where_corrected(self) -> Self:
        if self.action is Decided.CORRECT and self.labels is None:
            raise ValueError("labels: `correct` names all true labels (an empty list for none)")
        return self

    @model_validator(mode="after")
    def _unsure_of_others(self) -> Self:
        if both := set(self.labels or ()) & set(self.unsure or ()):
            raise ValueError(f"unsure: {min(both)!r} stands under `labels`, too")
        return self


class Decision(Value):
    """A decision as the image's head remembers it; a revoked one stays, so that none older comes back."""

    event_id: str
    action: Decided
    labels: tuple[str, ...] | None = None
    unsure: tuple[str, ...] | None = None
    decided_at: Moment
    decided_by: str
    comment: str | None = None
    content_digest: str | None = None
    digest_assumed: bool = False
    """Whether nobody said the digest: it is that of the bytes that stood when the decision came in."""
    partition: int
    offset: int

    @classmethod
    def of(cls, event: ModerationDecided, partition: int, offset: int) -> Self:
        """`event` at its place in the order."""
        facts: Mapping[str, Any] = event.model_dump(exclude={"schema_version", "image_id"})
        return cls(**facts, partition=partition, offset=offset)

    def precedes(self, other: Decision) -> bool:
        """Whether `other` is another decision, and a later one."""
        return self.event_id != other.event_id and self.rank < other.rank

    @property
    def rank(self) -> tuple[datetime, int, int, str]:
        """By the time of the decision, then by place in the topic."""
        return self.decided_at, self.partition, self.offset, self.event_id


def latest(decisions: Iterable[Decision]) -> Decision | None:
    """The last of them; None of none."""
    return max(decisions, key=lambda each: each.rank, default=None)


def remembered(
    decisions: Iterable[Decision], *, standing: str | None, most: int = MOST_DECISIONS
) -> tuple[Decision, ...]:
    """The union of `decisions`, each once, in their order, and of at most so many.

    The last decision of each content holds of it, so what was outranked is forgotten first; then what would
    show an image, since bytes that come back undecided are judged by their scores; a rejection later, and
    what was decided of the bytes that stand (of the digest `standing`) last of all.
    """
    union = {each.event_id: each for each in decisions}
    ordered = sorted(union.values(), key=lambda each: each.rank)
    while len(ordered) > most:
        holding = {each.content_digest: each.event_id for each in ordered}
        ordered.remove(min(ordered, key=lambda each: _worth(each, holding, standing)))
    return tuple(ordered)


def _worth(decision: Decision, holding: Mapping[str | None, str], standing: str | None) -> int:
    if holding[decision.content_digest] != decision.event_id:
        return 0
    if decision.content_digest == standing:
        return 3
    return 2 if decision.action is Decided.REJECT else 1
