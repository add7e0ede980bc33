"""Claims, decisions and changes of one image, for the tests of what becomes of its head."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agents import transitions
from agents.testing import LABELS, FakeTagger
from agents.transitions import Scoring, Transitions
from schemas.claims import Claim, Claims
from schemas.decisions import Decided, Decision
from schemas.events import Reason
from schemas.records import Content, ImageHead, Kept, Stale
from schemas.tags import Scores
from schemas.uploads import Location, Position
from streams.ports import Change

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NOW = EPOCH + timedelta(days=1)
IMAGE = "img_1"
TAGGER = FakeTagger()


def at(minute: float) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def claim(
    minute: int, *, sequencer: str | None = None, restaurant: str | None = "r1", removal: bool = False
) -> Claim:
    """What the event of that minute says; its name is its minute, and its voice."""
    voice = "storage" if sequencer else "producer"
    return Claim(
        position=Position(
            uploaded_at=at(minute),
            partition=0,
            offset=minute,
            event_id=f"{voice}-{minute}-{sequencer}",
            sequencer=sequencer,
        ),
        location=Location(bucket="photos", key="a.jpg"),
        is_removal=removal,
        restaurant_id=restaurant,
    )


def scoring(of: Claim, *, content: str = "bytes", version: str = "1", **seen: float) -> Scoring:
    """What the model of that version saw in those bytes; labels not named score 0."""
    model = FakeTagger(version=version).model
    scores = Scores(probabilities={label: seen.get(label, 0.0) for label in LABELS}, model=model)
    reason = Reason.LIVE if version == "1" else Reason.REPLAY
    return Scoring(of, scores, Content(digest=content, size=1), reason=reason)


def decision(minute: float, action: Decided, *labels: str, content: str | None = None) -> Decision:
    """What Ann decided in that minute."""
    return Decision(
        event_id=f"{action}-{minute}",
        action=action,
        labels=labels if action is Decided.CORRECT else None,
        decided_at=at(minute),
        decided_by="ann",
        content_digest=content,
        partition=0,
        offset=int(minute),
    )


def changes(*arrived: Claim) -> Transitions:
    return Transitions(IMAGE, TAGGER, NOW, Claims.of(*arrived))


def scored(of: Claim, **seen: object) -> Change:
    """The change that scoring the claim makes."""
    return changes(of).scored(scoring(of, **seen))  # type: ignore[arg-type]


def decided(minute: float, action: Decided, *labels: str, content: str | None = None) -> Change:
    return changes().decided(decision(minute, action, *labels, content=content))


def removed(of: Claim) -> Change:
    return changes(of).removed(of)


def outcome(stored: ImageHead | None, *made: Change) -> Kept | Stale:
    """What the last of the changes answers."""
    answer: Kept | Stale | None = None
    for change in made:
        answer = change(stored)
        stored = answer.head
    assert answer is not None
    return answer


def after(*made: Change) -> ImageHead:
    """The head once all changes were made to an image that nobody knew."""
    return outcome(None, *made).head


def told(head: ImageHead) -> ImageHead:
    """The head once the broker has acknowledged it."""
    return transitions.acknowledged(head)(head).head


def routes(head: ImageHead) -> set[str]:
    return {route.label for route in head.verdict.routes} if head.verdict else set()


def tags(head: ImageHead) -> set[str]:
    return set(head.verdict.tagged) if head.verdict else set()
