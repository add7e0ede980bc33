"""Accounting: whether topics and store account for every photograph. Pure: evidence in, account out.

A photograph is accounted for when it ended in exactly one of two ways:

- tagged: its scores are in the history; its head is announced; one ImageTagged event, under one id,
  says the head's tags; and every route of the head has its event on its topic;
- dead-lettered, with a cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from operations import messages
from schemas import topics
from schemas.events import Action, CollectionChanged, ImageTagged, ModerationRequested
from schemas.records import ImageHead, ScoreRecord
from schemas.tags import Route, Verdict
from streams.message import Message
from tagstream.demo.photos import Photo

TOPICS: Final = (
    topics.UPLOADED,
    topics.TAGGED,
    topics.LATEST,
    topics.MODERATION,
    topics.AMBIANCE,
    topics.DEAD_LETTERS,
)
"""Those that a photograph of the demo can come to."""

_ROUTED: Final[Mapping[str, type[ModerationRequested | CollectionChanged]]] = {
    topics.MODERATION: ModerationRequested,
    topics.AMBIANCE: CollectionChanged,
}


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What the store and the topics say after the run."""

    heads: Mapping[str, ImageHead]
    """By image_id, as all that follows."""
    records: Mapping[str, Sequence[ScoreRecord]]
    messages: Mapping[str, Sequence[Message]]
    """By topic, as a consumer reads them: repetitions included."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A photograph with its scores, its tags and its routes."""

    photo: Photo
    head: ImageHead
    verdict: Verdict
    """The head's."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where it went: every route of its verdict that has somewhere to go."""
        return tuple(route for route in self.verdict.routes if not _is_homeless(route, self.head))

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of its routes, each once."""
        return tuple(dict.fromkeys(route.topic for route in self.routes))

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        return {
            "path": str(self.photo.path),
            "image_id": self.photo.image_id,
            "tags": [tag.model_dump() for tag in self.verdict.tags],
            "routes": list(self.topics),
            "model_version": self.verdict.model.version,
        }


@dataclass(frozen=True, slots=True)
class Buried:
    """A photograph in the dead letters."""

    photo: Photo
    code: str
    stage: str
    message: str

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        named = {"image_id": self.photo.image_id, "name": self.photo.name}
        return {**named, "cause": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Missing:
    """A photograph that is not accounted for."""

    photo: Photo
    why: str

    def document(self) -> dict[str, Any]:
        """As a part of `--json`."""
        return {"image_id": self.photo.image_id, "name": self.photo.name, "why": self.why}


End = Tagged | Buried | Missing


@dataclass(frozen=True, slots=True)
class TopicCount:
    """How many records a topic holds, and how many different ones."""

    name: str
    published: int
    distinct: int

    @property
    def repeated(self) -> int:
        """Records that say again what another one said."""
        return self.published - self.distinct


@dataclass(frozen=True, slots=True)
class Account:
    """Every photograph of the run, once, in one of three lists."""

    tagged: tuple[Tagged, ...]
    buried: tuple[Buried, ...]
    missing: tuple[Missing, ...]
    topics: tuple[TopicCount, ...]

    @property
    def ends(self) -> tuple[End, ...]:
        """All three."""
        return (*self.tagged, *self.buried, *self.missing)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def account(photos: Iterable[Photo], evidence: RunEvidence) -> Account:
    """What became of each of `photos`, in their order."""
    announced = _Announced(evidence)
    ends = [_end(photo, evidence, announced) for photo in photos]
    return Account(
        tagged=tuple(end for end in ends if isinstance(end, Tagged)),
        buried=tuple(end for end in ends if isinstance(end, Buried)),
        missing=tuple(end for end in ends if isinstance(end, Missing)),
        topics=tuple(_count(topic, evidence.messages.get(topic, ())) for topic in TOPICS),
    )


class _Announced:
    """The events of a run by the image they speak of."""

    def __init__(self, evidence: RunEvidence) -> None:
        self.tagged: dict[str, list[ImageTagged]] = {}
        self.routed: dict[str, set[tuple[str, str]]] = {}
        self.letters: dict[str, Mapping[str, str]] = {}
        for message in evidence.messages.get(topics.TAGGED, ()):
            event = ImageTagged.model_validate_json(message.value or b"")
            self.tagged.setdefault(event.image_id, []).append(event)
        for topic, kind in _ROUTED.items():
            for message in evidence.messages.get(topic, ()):
                routed = kind.model_validate_json(message.value or b"")
                if routed.action is Action.ADDED:
                    self.routed.setdefault(routed.image_id, set()).add((topic, routed.label))
        for message in evidence.messages.get(topics.DEAD_LETTERS, ()):
            causes = messages.causes(message)
            self.letters[causes.get("image_id", "")] = causes


def _end(photo: Photo, evidence: RunEvidence, announced: _Announced) -> End:
    head, letter = evidence.heads.get(photo.image_id), announced.letters.get(photo.image_id)
    if head is None:
        return _buried(photo, letter)
    if letter is not None:
        return Missing(photo, f"both tagged and dead-lettered ({letter.get('code')})")
    if head.verdict is None:
        return Missing(photo, "the store says that it was removed")
    why = _gap(head, head.verdict, evidence.records.get(photo.image_id, ()), announced)
    return Missing(photo, why) if why else Tagged(photo, head, head.verdict)


def _buried(photo: Photo, letter: Mapping[str, str] | None) -> Buried | Missing:
    if letter is None:
        return Missing(photo, "neither scores in the store nor a dead letter")
    if not letter.get("code"):
        return Missing(photo, "a dead letter without a cause")
    return Buried(photo, letter["code"], letter.get("stage", ""), letter.get("exception.message", ""))


def _gap(
    head: ImageHead, verdict: Verdict, records: Sequence[ScoreRecord], announced: _Announced
) -> str | None:
    """What a tagged photograph lacks; None when nothing."""
    if not any(record.scores == head.scores for record in records):
        return "its scores are not in the history"
    if not head.is_announced:
        return "the store does not know its tags as announced"
    events = announced.tagged.get(head.image_id, [])
    if len({event.event_id for event in events}) != 1:
        return f"{len({event.event_id for event in events})} different ImageTagged events, where one is due"
    if any(event.tags != verdict.tags for event in events):
        return "its ImageTagged event says other tags than the store"
    due = {(route.topic, route.label) for route in verdict.routes if not _is_homeless(route, head)}
    for topic, label in sorted(due - announced.routed.get(head.image_id, set())):
        return f"no event on {topic} for {label}"
    return None


def _is_homeless(route: Route, head: ImageHead) -> bool:
    """Whether it is a collection of no restaurant: counted by the worker, announced to nobody."""
    return route.topic != topics.MODERATION and head.restaurant_id is None


def _count(topic: str, messages: Sequence[Message]) -> TopicCount:
    identify = _source if topic == topics.DEAD_LETTERS else _event_id
    return TopicCount(topic, len(messages), len({identify(message) for message in messages}))


def _event_id(message: Message) -> str:
    return str(json.loads(message.value or b"{}").get("event_id"))


def _source(message: Message) -> str:
    causes = messages.causes(message)
    return f"{causes.get('partition')}/{causes.get('offset')}"
