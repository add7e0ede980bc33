"""Letters on the wire: whole where the topic takes it, else with shorter causes, else cut.

Only the broker knows what a topic takes, after compression too. So the whole is tried first; what we put
there ourselves is shortened before a byte of the message is lost. A letter that was cut says so: it has no
way back, and its whole is at its origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.events import DeadLetter
from schemas.wire import headers
from schemas.wire.headers import Headers
from streams.adapters.kafka.producer import Outgoing

CAUSE_BYTES: Final = 4096
"""Of one cause header; of a stack trace its end, which says the most."""

BRIEF_BYTES: Final = 256
"""Of one cause header where the letter would else be too large."""

CUTS: Final = (256 * 1024, 16 * 1024, 0)
"""Bytes that are left of a letter too large for the broker, tried in turn."""


def tries(letter: DeadLetter) -> Iterator[Outgoing]:
    """The letter, each time smaller."""
    yield _whole(letter, CAUSE_BYTES)
    yield _whole(letter, BRIEF_BYTES)
    for room in CUTS:
        yield _cut(letter, room)


def weight(letter: DeadLetter) -> int:
    """The bytes that it came with."""
    return len(letter.value) + len(letter.key or b"") + _size(letter.headers)


def _whole(letter: DeadLetter, longest: int) -> Outgoing:
    """The message as it came, its causes in place of those of an earlier hop."""
    came = headers.as_it_came(letter.headers)
    return Outgoing(letter.topic, letter.key, letter.value, came + _causes(letter, longest))


def _cut(letter: DeadLetter, room: int) -> Outgoing:
    """At most `room` bytes of the value, of the key and of the headers that came with it."""
    came = headers.as_it_came(letter.headers)
    kept = came if _size(came) <= room else ()
    causes = {headers.TRUNCATED: str(len(letter.value)).encode(), **dict(_causes(letter, CAUSE_BYTES))}
    key = letter.key and letter.key[: max(room, CAUSE_BYTES)]
    return Outgoing(letter.topic, key, letter.value[:room], (*kept, *causes.items()))


def _causes(letter: DeadLetter, longest: int) -> Headers:
    """Why, of this hop, and where from, of the first one."""
    causes = {**letter.causes, **headers.carried(letter)}
    return tuple((name, _capped(name, value, longest)) for name, value in causes.items())


def _capped(name: str, value: bytes, longest: int) -> bytes:
    """The value, or as much of it as is whole characters."""
    if len(value) <= longest:
        return value
    kept = value[-longest:] if name.endswith("stacktrace") else value[:longest]
    return kept.decode(errors="ignore").encode()


def _size(came: Headers) -> int:
    return sum(len(name.encode()) + len(value) for name, value in came)
