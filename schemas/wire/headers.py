"""Headers of retry, dead letter and parking: cause, attempts, due time and first publication.

The headers are Kafka Connect's (`__connect.errors.*`). Each hop replaces those that say why; those that
say *where from* keep what the first hop said, so that a message that was deferred five times
and then dead-lettered still names its place on the topic that it was published to. They are believed
on our own hop topics alone: on any other a producer could have written them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol

from pydantic import TypeAdapter

from schemas import topics
from schemas.events import Suspicion
from schemas.uploads import Moment

PREFIX: Final = "__connect.errors."
TRUNCATED: Final = f"{PREFIX}truncated"
"""Of a letter that was cut for the broker; it holds the bytes that the whole value had."""
REDRIVEN: Final = "tagstream.redriven"
"""How often a person has sent the message back to where it came from."""
REDRIVEN_LETTER: Final = "tagstream.redriven.letter"
"""Where its letter is: topic, partition and offset, with slashes between."""

HOPS: Final = frozenset({topics.RETRY, topics.DEAD_LETTERS, topics.PARKING})
"""The topics that only we write to."""

Headers = tuple[tuple[str, bytes], ...]
Origin = tuple[str, int, int]
"""Topic, partition and offset."""

_MOMENT: Final[TypeAdapter[datetime]] = TypeAdapter(Moment)


class Travelled(Protocol):
    """A message, or the letter that it becomes."""

    @property
    def source(self) -> Origin:
        """Where it was read."""

    @property
    def headers(self) -> Headers:
        """As it came."""


def origin(message: Travelled) -> Origin:
    """Where the message was first published."""
    if message.source[0] not in HOPS:
        return message.source
    headers = dict(message.headers)
    topic, partition, offset = (headers.get(PREFIX + name, b"") for name in ("topic", "partition", "offset"))
    try:
        return (topic.decode(), int(partition), int(offset)) if topic else message.source
    except ValueError:
        return message.source


def carried(message: Travelled) -> Mapping[str, bytes]:
    """The headers that every hop repeats: where from, and of a message that was cut, its whole size."""
    topic, partition, offset = origin(message)
    source = {"topic": topic, "partition": str(partition), "offset": str(offset)}
    found = {PREFIX + name: text.encode() for name, text in source.items()}
    cut = dict(message.headers).get(TRUNCATED) if message.source[0] in HOPS else None
    return found | ({TRUNCATED: cut} if cut else {})


def attempts(headers: Headers) -> int:
    """How often the message was deferred before; 0 where no header says so."""
    return _count(headers, f"{PREFIX}attempts")


def due_at(headers: Headers) -> datetime | None:
    """When the message is worth another try, in UTC; None where no header says so."""
    raw = dict(headers).get(f"{PREFIX}due_at")
    try:
        return _MOMENT.validate_python(datetime.fromisoformat(raw.decode())) if raw else None
    except ValueError:
        return None


def suspicion(message: Travelled) -> Suspicion | None:
    """Of what the message was suspected when it was held aside; None where no hop of ours says so."""
    raw = dict(message.headers).get(f"{PREFIX}suspected", b"") if message.source[0] in HOPS else b""
    cause, _, since = raw.decode(errors="replace").partition(" since ")
    try:
        return Suspicion(cause=cause, since=datetime.fromisoformat(since)) if cause else None
    except ValueError:
        return None


def image_id(headers: Headers) -> str | None:
    """The image that the letter is about; None where no header says so."""
    raw = dict(headers).get(f"{PREFIX}image_id", b"")
    return raw.decode(errors="replace") or None


def is_truncated(headers: Headers) -> bool:
    """Whether the letter holds less than the message had."""
    return TRUNCATED in dict(headers)


def is_empty_handed(headers: Headers) -> bool:
    """Whether the letter only names records that nobody could read, and holds none."""
    return f"{PREFIX}last_offset" in dict(headers)


def redriven(headers: Headers) -> int:
    """How often a person has sent the message back; 0 where no header says so."""
    return _count(headers, REDRIVEN)


def as_it_came(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The headers less those of every hop."""
    return tuple(each for each in headers if not each[0].startswith(PREFIX))


def back(letter: Travelled) -> Headers:
    """The headers for the way back to the origin: no causes, one redrive more, and where the letter is."""
    kept = tuple(each for each in as_it_came(letter.headers) if each[0] not in (REDRIVEN, REDRIVEN_LETTER))
    times = str(redriven(letter.headers) + 1).encode()
    return (*kept, (REDRIVEN, times), (REDRIVEN_LETTER, spelled(letter.source)))


def redriven_letter(headers: Headers) -> Origin | None:
    """The letter that the message was sent back from; None where it was not."""
    return place(dict(headers).get(REDRIVEN_LETTER, b""))


def spelled(place: Origin) -> bytes:
    """A letter's place, for a header or a key."""
    return "/".join(map(str, place)).encode()


def place(raw: bytes) -> Origin | None:
    """The place that `spelled` has made of it; None for anything else."""
    topic, *numbers = raw.decode(errors="replace").rsplit("/", 2)
    if len(numbers) != 2 or not all(each.isascii() and each.isdigit() for each in numbers):  # noqa: PLR2004 - as written
        return None
    return topic, int(numbers[0]), int(numbers[1])


def _count(headers: Headers, name: str) -> int:
    try:
        return max(0, int(dict(headers).get(name, b"0")))
    except ValueError:
        return 0
