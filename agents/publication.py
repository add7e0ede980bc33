"""Publication of a head: announce what it says, then mark it, until nobody has kept a later one meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from agents import announcements, statements
from agents.announcements import RouteMove
from schemas.events import Announcement
from schemas.records import ImageHead
from schemas.statements import StatementOfReasons

Announce = Callable[[Sequence[Announcement], Sequence[RouteMove]], Awaitable[None]]
"""Returns when the broker has acknowledged the events, which say these moves among others."""

KeepStatements = Callable[[Sequence[StatementOfReasons]], Awaitable[None]]
"""Returns when the store has each of them."""

Mark = Callable[[ImageHead], Awaitable[ImageHead]]
"""Remembers that all that a head says is acknowledged; the head that is stored then."""


async def publish(
    head: ImageHead, announce: Announce, mark: Mark, *, keep: KeepStatements, is_quiet: bool = False
) -> ImageHead:
    """Keep the statements of `head`, announce what it says, then mark it; the head that is stored in the end.

    Where it `is_quiet` it says nothing that anybody has to hear.

    Where somebody kept a later revision meanwhile, our events may stand behind theirs in the topics, and
    in a compacted topic for ever: then what the later one says is said again.
    """
    moves: Sequence[RouteMove] = announcements.diff(head)
    while True:
        if head.statements:
            await keep(head.statements)
        if not is_quiet:
            await announce((*announcements.announcements(head, moves), *statements.announced(head)), moves)
        marked = await mark(head)
        if marked.revision <= head.revision:
            return marked
        moves = (*announcements.diff(marked), *announcements.amends(marked, moves))
        head, is_quiet = marked, False
