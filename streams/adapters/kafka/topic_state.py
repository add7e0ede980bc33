"""Topic state: topics as they should be, as a broker has them, and what became of the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from schemas import topics
from schemas.wire.headers import HOPS

_CLEANUP: Final = "cleanup.policy"
_RETENTION: Final = "retention.ms"
_LARGEST: Final = "max.message.bytes"
_LETTER_BYTES: Final = str(2 * 1024 * 1024)
"""A letter is the message and its causes: above the broker's own 1 MiB, which the other topics have."""


class TopicOutcome(StrEnum):
    """What became of a topic that should be there."""

    CREATED = "created"
    THERE = "there"
    DIFFERS = "differs"
    """It is there, and not as declared; nothing was changed."""
    FIRST_USE = "first use"
    """The broker takes no declarations: the topic was asked for, and is there with the broker's defaults."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A topic as it should be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """A declared topic, what became of it, and in words why."""

    topic: Declared
    outcome: TopicOutcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it."""

    name: str
    beginnings: Mapping[int, int]
    """The offset of each partition's oldest record."""
    ends: Mapping[int, int]
    """The offset behind each partition's newest record."""
    replication: int
    config: Mapping[str, str] | None
    """None where the broker does not say."""

    @property
    def records(self) -> int:
        """Offsets from the oldest record to the end; fewer records where the topic is compacted."""
        return sum(end - self.beginnings[number] for number, end in self.ends.items())

    @property
    def is_compacted(self) -> bool:
        """Whether the newest record of a key is kept for ever."""
        return "compact" in (self.config or {}).get(_CLEANUP, "")

    @property
    def retention(self) -> timedelta | None:
        """How long records are kept; None for ever, or where the broker does not say."""
        config = self.config or {}
        milliseconds = int(config.get(_RETENTION, "-1"))
        return (
            timedelta(milliseconds=milliseconds)
            if milliseconds >= 0 and "delete" in config[_CLEANUP]
            else None
        )


def declared(*, partitions: int, replication: int) -> tuple[Declared, ...]:
    """All topics of Tagstream."""
    return tuple(Declared(name, partitions, replication, _config(name)) for name in topics.ALL)


def _config(name: str) -> dict[str, str]:
    cleanup = {_CLEANUP: "compact"} if name in topics.COMPACTED else {}
    return cleanup | ({_LARGEST: _LETTER_BYTES} if name in HOPS else {})


def compared(wanted: Declared, there: TopicState) -> Applied:
    """What becomes of a declared topic that is there: nothing."""
    differences = list(_differences(wanted, there))
    return Applied(
        wanted, TopicOutcome.DIFFERS if differences else TopicOutcome.THERE, "; ".join(differences)
    )


def _differences(wanted: Declared, there: TopicState) -> Iterable[str]:
    if len(there.ends) != wanted.partitions:
        yield f"{len(there.ends)} partitions, not {wanted.partitions}"
    if there.replication != wanted.replication:
        yield f"replication {there.replication}, not {wanted.replication}"
    if there.config is None:
        return
    for name, value in wanted.config.items():
        found = there.config.get(name)
        if found != value and not (name == _LARGEST and int(found or 0) > int(value)):
            yield f"{name} {found}, not {value}"
