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
from streams.adapters.kafka import letters
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

LARGE: Final = 512 * 1024
"""Bytes of a letter from which on it goes through a producer of its own."""

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

    def __init__(
        self,
        settings: ProducerSettings,
        produce: Callable[[], Producer] | None = None,
        *,
        clock: Clock = _now,
    ) -> None:
        super().__init__(settings, produce, clock=clock)
        # A refusal by the broker costs its producer, and whoever else waits on that: large letters have one.
        self._large = RestartingProducer(settings.for_letters, produce)

    async def __aexit__(self, *raised: object) -> None:
        await self._large.__aexit__(*raised)
        await super().__aexit__(*raised)

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`. When it raises, some may have been published: announce all again."""
        await self._send([self._event(each) for each in announcements])

    async def bury(self, letter: DeadLetter) -> None:
        """See `TagPublisher.bury`. A letter too large for the broker is cut, and says so."""
        outbox = self._large if letters.weight(letter) > LARGE else self._outbox
        for message in letters.tries(letter):
            try:
                return await outbox.send([message])
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

    def __init__(self, settings: ProducerSettings) -> None:
        super().__init__(settings.for_letters)

    async def redrive(self, *messages: Message) -> None:
        """Publish each to the topic that it first came on: its key, value and headers, less the causes.

        The header `tagstream.redriven` counts how often. Returns when every in-sync replica has each.

        Raises:
            Malformed: one has no way back (see `way_back`); none was sent. Or its topic takes none so large.
            Unavailable: not all are acknowledged; some may have been.
        """
        outgoing = [way_back(each) for each in messages]
        try:
            await self._outbox.send(outgoing)
        except TooLargeForBroker as error:
            where = ", ".join(dict.fromkeys(each.topic for each in outgoing))
            raise Malformed(
                f"{where} takes no message so large: raise its max.message.bytes ({error})"
            ) from error


def way_back(message: Message) -> Outgoing:
    """The message as it goes back; raises `Malformed` where it cannot, and says why."""
    topic, partition, offset = wire_headers.origin(message)
    if topic not in topics.INBOUND or topic in wire_headers.HOPS:
        raise Malformed(f"it came from {topic!r}, which no worker reads uploads or decisions from")
    if wire_headers.is_empty_handed(message.headers):
        raise Malformed("it only names records that nobody could read: there is nothing to send back")
    if wire_headers.is_truncated(message.headers):
        raise Malformed(f"it was cut for its size; the whole is at {topic}, {partition}, {offset}")
    return Outgoing(topic, message.key, message.value, wire_headers.back(message))
