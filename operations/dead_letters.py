"""Dead letters: their causes, a selection of them, and groups by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from operations import messages
from schemas.errors import ConfigurationError
from schemas.wire import headers
from schemas.wire.headers import Origin
from streams.message import Message

Place = tuple[str, int, int]
"""Topic, partition and offset of a letter: what a redrive is remembered by."""


@dataclass(frozen=True)
class Letter:
    """One letter, and how it was answered."""

    message: Message
    is_redriven: bool = False
    begun: Mapping[int, int] | None = None
    """Of one that a process began to send back and was killed: the ends of its origin's topic before that."""

    @cached_property
    def causes(self) -> Mapping[str, str]:
        """Why, by the names of the headers without their prefix."""
        return messages.causes(self.message)

    @property
    def place(self) -> Place:
        """Where the letter itself is."""
        return self.message.source

    @property
    def origin(self) -> Origin:
        """Where its message was published first."""
        return headers.origin(self.message)

    @property
    def code(self) -> str:
        """The cause in one word."""
        return self.causes.get("code", "unknown")

    @property
    def image_id(self) -> str | None:
        """The image that it is about, where that could be read."""
        return self.causes.get("image_id")

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        topic, partition, offset = self.origin
        return {
            **messages.document(self.message),
            "cause": self.code,
            "image_id": self.image_id,
            "origin": {"topic": topic, "partition": partition, "offset": offset},
            "redriven": self.is_redriven,
            "earlier_redrives": headers.redriven(self.message.headers),
        }


@dataclass(frozen=True, slots=True)
class LetterSelection:
    """Which letters are meant: those to which everything that is said applies."""

    cause: str | None = None
    image_id: str | None = None
    places: frozenset[tuple[int, int]] = frozenset()
    """Partition and offset; any where empty."""
    since: datetime | None = None
    topic: str | None = None
    """Where their messages were published first."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is said."""
        return self == LetterSelection()

    def holds(self, letter: Letter) -> bool:
        """Whether the letter is among them."""
        written = letter.message.timestamp
        return (
            self.cause in (None, letter.code)
            and self.image_id in (None, letter.image_id)
            and self.topic in (None, letter.origin[0])
            and (not self.places or letter.place[1:] in self.places)
            and (self.since is None or (written is not None and written >= self.since))
        )


def place(given: str) -> tuple[int, int]:
    """Partition and offset out of `2:17`; raises `ConfigurationError`."""
    partition, _, offset = given.partition(":")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise ConfigurationError(f"{given!r} is no place of a letter; PARTITION:OFFSET is wanted, as in 2:17")
    return int(partition), int(offset)


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Letters of one topic with one cause."""

    topic: str
    code: str
    stages: tuple[str, ...]
    count: int
    redriven: int
    first: datetime | None
    last: datetime | None
    suspected_since: datetime | None
    """Of those that were held aside under an alarm: since when too many had their cause."""
    example: Letter

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        return {
            "topic": self.topic,
            "cause": self.code,
            "stages": list(self.stages),
            "count": self.count,
            "redriven": self.redriven,
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "suspected_since": self.suspected_since.isoformat() if self.suspected_since else None,
            "example": self.example.document(),
        }


def grouped(letters: Iterable[Letter]) -> tuple[LetterGroup, ...]:
    """The letters by topic and cause, the most numerous first; an example is the latest one."""
    by_cause: dict[tuple[str, str], list[Letter]] = {}
    for letter in letters:
        by_cause.setdefault((letter.place[0], letter.code), []).append(letter)
    groups = (_group(topic, code, found) for (topic, code), found in by_cause.items())
    return tuple(sorted(groups, key=lambda group: (-group.count, group.topic, group.code)))


def _group(topic: str, code: str, found: Sequence[Letter]) -> LetterGroup:
    times = sorted(letter.message.timestamp for letter in found if letter.message.timestamp)
    return LetterGroup(
        topic=topic,
        code=code,
        stages=tuple(sorted({letter.causes.get("stage", "?") for letter in found})),
        count=len(found),
        redriven=sum(letter.is_redriven for letter in found),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        suspected_since=min(_suspected(found), default=None),
        example=found[-1],
    )


def _suspected(found: Iterable[Letter]) -> Iterable[datetime]:
    suspicions = (headers.suspicion(letter.message) for letter in found)
    return (each.since for each in suspicions if each)


def dump(raw: bytes, *, most: int = 4096) -> str:
    """The bytes for people: as text where they are, else sixteen a line in hexadecimal; at most `most`."""
    cut = f"\n... and {len(raw) - most:,} bytes more" if len(raw) > most else ""
    shown = raw[:most]
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        return "\n".join(_hexadecimal(shown)) + cut
    if all(character.isprintable() or character in "\r\n\t" for character in text):
        return text + cut
    return "\n".join(_hexadecimal(shown)) + cut


def _hexadecimal(raw: bytes) -> Iterable[str]:
    for start in range(0, len(raw), 16):
        row = raw[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - printable ASCII
        yield f"{start:08x}  {row.hex(' '):<47}  {text}"
