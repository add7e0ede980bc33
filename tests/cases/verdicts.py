"""What a step may be held to: words for the table, and whether it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.records import State
from tests.cases.world import Seen, World, digest


@dataclass(frozen=True)
class Right:
    """What is right."""

    words: str
    holds: Callable[[Seen, World], bool]

    def or_else(self, other: Right) -> Right:
        """Either is right."""
        return Right(
            f"{self.words}, or {other.words}",
            lambda seen, world: self.holds(seen, world) or other.holds(seen, world),
        )


def _is_tagged(image: str, seen: Seen, world: World) -> bool:
    head = seen.heads.get(image)
    if head is None or head.state is State.DELETED or head.content is None or image not in seen.changed:
        return False
    return head.content.digest == digest(world.photographs[head.location.key])


def tagged(image: str) -> Right:
    """The bytes that stand at its key were tagged, and no letter came."""
    return Right("tagged", lambda seen, world: not seen.letters and _is_tagged(image, seen, world))


def removed(image: str) -> Right:
    """The image was withdrawn, with a tombstone where it had been tagged."""

    def holds(seen: Seen, _world: World) -> bool:
        head = seen.heads.get(image)
        gone = head is not None and head.state is State.DELETED
        return gone and image in seen.removed and not seen.letters

    return Right("removed", holds)


def letter(*words: str) -> Right:
    """It ended as a letter that says these words, and changed nothing."""

    def holds(seen: Seen, _world: World) -> bool:
        said = " ".join(seen.causes)
        return bool(seen.letters) and not seen.changed and all(word in said for word in words)

    return Right("letter" + (f" that says {', '.join(words)}" if words else ""), holds)


IGNORED = Right("ignored", lambda seen, _world: not seen.letters and not seen.changed and not seen.removed)


def stands(image: str, state: State) -> Right:
    """The image is in this state."""

    def holds(seen: Seen, _world: World) -> bool:
        head = seen.heads.get(image)
        return head is not None and head.state is state

    return Right(f"{state}", holds)


def in_words(seen: Seen, world: World) -> str:
    """What a step gave, for the table."""
    told = []
    for image in sorted(seen.changed):
        head = seen.heads[image]
        if head.state is State.DELETED:
            told.append("removed" if image in seen.removed else "removed (no tombstone)")
        elif _is_tagged(image, seen, world):
            told.append(f"tagged ({head.state})")
        else:
            told.append(f"{head.state}, of other bytes")
    if seen.letters:
        number = f"{len(seen.letters)} letters" if len(seen.letters) > 1 else "letter"
        told.append(f"{number}: {seen.causes[0]}")
    return "; ".join(told) or "ignored"
