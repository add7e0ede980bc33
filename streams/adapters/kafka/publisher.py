"""Publishers: events, dead letters, uploads, decisions and redrives, acknowledged by every replica."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Generic, Self, TypeVar

from schemas import topics, wire
from schemas.decisions import ModerationDecided
from schemas.errors import Malformed, Unavailable
from schemas.events import Announcement, DeadLetter, RescoreRequested
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire import cloudevents
from schemas.wire import headers as wire_headers
from streams.adapters.kafka.producer import (
    Outgoing,
    Producer,
    ProducerSettings,
    RestartingProducer,
    TooLargeForBroker,
)
from streams.message import Message

__all__ = [
    "DecisionPublisher",
    "KafkaPublisher",
    "ProducerSettings",
    "RedrivePublisher",
    "RescorePublisher",
    "UploadPublisher",
]

CAUSE_BYTES: Final = 4096
"""Of one cause header; of a stack trace its end, which says the most."""

CUTS: Final = (256 * 1024, 16 * 1024, 0)
"""Bytes that are left of a letter too large for the broker, tried in turn."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class _Publisher:
    """Whoever sends through an outbox of its own."""

    def __init__(
        self,
        settings: ProducerSettings,
        produce: Callable[[], Producer] | None = None,
        *,
        clock: Clock = _now,
    ) -> None:
        self._outbox = RestartingProducer(settings, produce)
        self._source = settings.source
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._outbox.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._outbox.__aexit__(*raised)

    async def ping(self) -> None:
        """Return when the broker answers; raise `Unavailable` when it does not."""
        await self._outbox.ping()

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        try:
            await self._outbox.send(messages)
        except TooLargeForBroker as error:
            raise Unavailable("broker", f"it takes no event of this size: {error}") from error

    def _headers(self, event: cloudevents.Event) -> cloudevents.Headers:
        return cloudevents.headers(event, source=self._source, now=self._clock())


class KafkaPublisher(_Publisher):
    """Where a worker's events and dead letters go. `produce` makes its producers, for tests."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`. When it raises, some may have been published: announce all again."""
        await self._send([self._event(each) for each in announcements])

    async def bury(self, letter: DeadLetter) -> None:
        """See `TagPublisher.bury`. A letter too large for the broker is cut, and says so."""
        for message in (_letter(letter), *(_cut(letter, room=room) for room in CUTS)):
            try:
                return await self._outbox.send([message])
            except TooLargeForBroker as error:
                refusal = error
        raise Unavailable("broker", f"it takes not even an empty dead letter: {refusal}")

    def _event(self, announcement: Announcement) -> Outgoing:
        trace = cloudevents.traced(announcement.traceparent)
        if announcement.event is None:
            return Outgoing(announcement.topic, announcement.key.encode(), None, trace)
        value, headers = wire.encode(announcement.event), self._headers(announcement.event)
        return Outgoing(announcement.topic, announcement.key.encode(), value, headers + trace)


E = TypeVar("E", bound=cloudevents.Event)


class _InboundPublisher(_Publisher, Generic[E]):
    """Whoever speaks to the workers, on one topic."""

    topic: ClassVar[str]

    async def publish(self, *events: E) -> None:
        """Publish all of them in order, keyed by image; return when every in-sync replica has each."""
        await self._send(
            [
                Outgoing(self.topic, each.image_id.encode(), wire.encode(each), self._headers(each))
                for each in events
            ]
        )


class UploadPublisher(_InboundPublisher[ImageUploaded | ImageRemoved]):
    """Where a producer of photographs says what it has uploaded or removed."""

    topic = topics.UPLOADED


class RescorePublisher(_InboundPublisher[RescoreRequested]):
    """Where a replay asks for another score."""

    topic = topics.RESCORE


class DecisionPublisher(_InboundPublisher[ModerationDecided]):
    """Where a moderator says what holds."""

    topic = topics.DECISIONS


class RedrivePublisher(_Publisher):
    """Where a person sends dead or parked letters back to."""

    async def redrive(self, *messages: Message) -> None:
        """Publish each to the topic that it first came on: its key, value and headers, less the causes.

        The header `tagstream.redriven` counts how often. Returns when every in-sync replica has each.

        Raises:
            Malformed: one was cut for its size, or names no inbound topic as its origin; none was sent.
            Unavailable: not all are acknowledged; some may have been.
        """
        await self._send([_redriven(each) for each in messages])


def _redriven(message: Message) -> Outgoing:
    topic, partition, offset = wire_headers.origin(message)
    if topic not in topics.INBOUND or topic in wire_headers.HOPS:
        raise Malformed(f"it came from {topic!r}, which no worker reads uploads or decisions from")
    if wire_headers.is_empty_handed(message.headers):
        raise Malformed("it only names records that nobody could read: there is nothing to send back")
    if wire_headers.is_truncated(message.headers):
        raise Malformed(f"it was cut for its size; the whole is at {topic}, {partition}, {offset}")
    return Outgoing(topic, message.key, message.value, wire_headers.back(message.headers))


def _letter(letter: DeadLetter) -> Outgoing:
    """The message as it came, its causes in place of those of an earlier hop."""
    headers = wire_headers.as_it_came(letter.headers) + _causes(letter)
    return Outgoing(letter.topic, letter.key, letter.value, headers)


def _cut(letter: DeadLetter, *, room: int) -> Outgoing:
    """At most `room` bytes of the value, of the key and of the headers that came with it."""
    came = wire_headers.as_it_came(letter.headers)
    kept = came if _size(came) <= room else ()
    causes = {wire_headers.TRUNCATED: str(len(letter.value)).encode(), **dict(_causes(letter))}
    key = letter.key and letter.key[: max(room, CAUSE_BYTES)]
    return Outgoing(letter.topic, key, letter.value[:room], (*kept, *causes.items()))


def _causes(letter: DeadLetter) -> wire_headers.Headers:
    """Why, of this hop, and where from, of the first one."""
    causes = {**letter.causes, **wire_headers.carried(letter)}
    return tuple((name, _capped(name, value)) for name, value in causes.items())


def _capped(name: str, value: bytes) -> bytes:
    """The value, or as much of it as is whole characters."""
    if len(value) <= CAUSE_BYTES:
        return value
    kept = value[-CAUSE_BYTES:] if name.endswith("stacktrace") else value[:CAUSE_BYTES]
    return kept.decode(errors="ignore").encode()


def _size(headers: tuple[tuple[str, bytes], ...]) -> int:
    return sum(len(name.encode()) + len(value) for name, value in headers)
