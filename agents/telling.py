"""Announce, then mark: what a head says goes out until the store and the world agree."""

from __future__ import annotations

from agents import announcements, transitions
from agents.ports import Parts
from agents.telemetry.metrics import Metrics, Stopwatch
from agents.telemetry.tracing import TRACEPARENT
from schemas.errors import Stage
from schemas.events import Announcement
from schemas.records import ImageHead
from streams.ports import BROKER, STORE
from streams.resilience.retry import Outages


class Teller:
    """Tells the world what holds of an image."""

    def __init__(self, parts: Parts, outages: Outages, metrics: Metrics) -> None:
        self._parts = parts
        self._broker, self._store = outages.of(BROKER), outages.of(STORE)
        self._metrics = metrics

    async def tell(self, head: ImageHead, watch: Stopwatch) -> None:
        """Announce `head` and mark it as announced.

        Where somebody kept a later revision meanwhile, our events may stand behind theirs in the
        topics, and in a compacted topic for ever: then what the later one says is said again.
        """
        moves = announcements.moves(head)
        while True:
            marked = await self._say(head, moves, watch)
            if marked.revision <= head.revision:
                return
            moves = (*announcements.moves(marked), *announcements.amends(marked, moves))
            head = marked

    async def _say(
        self, head: ImageHead, moves: tuple[announcements.Move, ...], watch: Stopwatch
    ) -> ImageHead:
        """Publish, mark, and the head that the store holds then."""
        said = _traced(announcements.announcements(head, moves))
        with watch.stage(Stage.ANNOUNCE):
            await self._broker.outlast(lambda: self._parts.tags.announce(said))
        with watch.stage(Stage.MARK):
            marked = await self._store.outlast(
                lambda: self._parts.scores.apply(head.image_id, transitions.acknowledged(head))
            )
        self._metrics.announced(said)
        self._metrics.homeless.inc(sum(move.is_homeless for move in moves))
        return marked.head


def _traced(said: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
    traceparent = TRACEPARENT.get()
    if traceparent is None:
        return said
    return tuple(each.model_copy(update={"traceparent": traceparent}) for each in said)
