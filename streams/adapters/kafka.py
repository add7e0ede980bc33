"""Events, dead letters and uploads on Kafka, each acknowledged by every in-sync replica."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from schemas import topics, wire
from schemas.errors import Unavailable
from schemas.events import Announcement, DeadLetter
from schemas.uploads import ImageUploaded
from streams.adapters.kafka_outbox import KafkaSettings, Message, Outbox, Producer, TooLargeForBroker

__all__ = ["KafkaPublisher", "KafkaSettings", "UploadPublisher"]

CAUSE_PREFIX: Final = "__connect.errors."
TRUNCATED: Final = f"{CAUSE_PREFIX}truncated"
"""The header of a letter that was cut; it holds the bytes that the whole value had."""

CAUSE_BYTES: Final = 4096
"""Of one cause header; of a stack trace its end, which says the most."""

CUTS: Final = (256 * 1024, 16 * 1024, 0)
"""Bytes that are left of a letter too large for the broker, tried in turn."""


class _Publisher:
    """Whoever sends through an outbox of its own."""

    def __init__(self, settings: KafkaSettings, produce: Callable[[], Producer] | None = None) -> None:
        self._outbox = Outbox(settings, produce)

    async def __aenter__(self) -> Self:
        await self._outbox.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outbox.__aexit__(kind, error, trace)

    async def ping(self) -> None:
        """Return when the broker answers; raise `Unavailable` when it does not."""
        await self._outbox.ping()

    async def _send(self, messages: Sequence[Message]) -> None:
        try:
            await self._outbox.send(messages)
        except TooLargeForBroker as error:
            raise Unavailable("broker", f"it takes no event of this size: {error}") from error


class KafkaPublisher(_Publisher):
    """Where a worker's events and dead letters go. `produce` makes its producers, for tests."""

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`. When it raises, some may have been published: announce all again."""
        await self._send([_event(each) for each in announcements])

    async def bury(self, letter: DeadLetter) -> None:
        """See `TagPublisher.bury`. A letter too large for the broker is cut, and says so."""
        whole = _letter(letter)
        for message in (whole, *(_cut(whole, letter, room=room) for room in CUTS)):
            try:
                return await self._outbox.send([message])
            except TooLargeForBroker as error:
                refusal = error
        raise Unavailable("broker", f"it takes not even an empty dead letter: {refusal}")


class UploadPublisher(_Publisher):
    """Where a producer of photographs says what it has uploaded."""

    async def publish(self, *uploads: ImageUploaded) -> None:
        """Publish all of them in order, keyed by image; return when every in-sync replica has each."""
        await self._send(
            [Message(topics.UPLOADED, each.image_id.encode(), wire.encode(each)) for each in uploads]
        )


def _event(announcement: Announcement) -> Message:
    return Message(announcement.topic, announcement.key.encode(), wire.encode(announcement.event))


def _letter(letter: DeadLetter) -> Message:
    """The message as it came, its causes in place of those of an earlier hop."""
    as_they_came = tuple(each for each in letter.headers if not each[0].startswith(CAUSE_PREFIX))
    return Message(letter.topic, letter.key, letter.value, as_they_came + _causes(letter))


def _cut(whole: Message, letter: DeadLetter, *, room: int) -> Message:
    """At most `room` bytes of the value, of the key and of the headers that came with it."""
    as_they_came = whole.headers[: len(whole.headers) - len(_causes(letter))]
    kept = as_they_came if _size(as_they_came) <= room else ()
    said = (TRUNCATED, str(len(whole.value)).encode())
    key = whole.key and whole.key[: max(room, CAUSE_BYTES)]
    return Message(whole.topic, key, whole.value[:room], (*kept, *_causes(letter), said))


def _causes(letter: DeadLetter) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, _capped(name, value)) for name, value in letter.causes.items())


def _capped(name: str, value: bytes) -> bytes:
    """The value, or as much of it as is whole characters."""
    if len(value) <= CAUSE_BYTES:
        return value
    kept = value[-CAUSE_BYTES:] if name.endswith("stacktrace") else value[:CAUSE_BYTES]
    return kept.decode(errors="ignore").encode()


def _size(headers: tuple[tuple[str, bytes], ...]) -> int:
    return sum(len(name.encode()) + len(value) for name, value in headers)
