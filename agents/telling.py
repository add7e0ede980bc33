"""Announce, then mark: what a head says goes out until the store and the world agree."""

from __future__ import annotations

from agents import announcements, transitions
from agents.ports import Components
from agents.telemetry.metrics import Metrics, Stopwatch
from agents.telemetry.tracing import TRACEPARENT
from schemas.errors import Stage
from schemas.events import Announcement
from schemas.records import ImageHead
from streams.ports import BROKER, STORE
from streams.resilience.retry import Dependencies


class Teller:
    """Tells the world what holds of an image."""

    def __init__(self, parts: Components, outages: Dependencies, metrics: Metrics) -> None:
        self._parts = parts
        self._broker, self._store = outages.of(BROKER), outages.of(STORE)
        self._metrics = metrics

    async def tell(self, head: ImageHead, watch: Stopwatch) -> None:
        """Announce `head` and mark it as announced.

        Where somebody kept a later revision meanwhile, our events may stand behind theirs in the
        topics, and in a compacted topic for ever: then what the later one says is said again.
        """
        moves = announcements.diff(head)
        while True:
            marked = await self._say(head, moves, watch)
            if marked.revision <= head.revision:
                return
            moves = (*announcements.diff(marked), *announcements.amends(marked, moves))
            head = marked

    async def _say(
        self, head: ImageHead, moves: tuple[announcements.RouteMove, ...], watch: Stopwatch
    ) -> ImageHead:
        """Publish, mark, and the head that the store holds then."""
        said = _traced(announcements.announcements(head, moves))
        with watch.stage(Stage.ANNOUNCE):
            await self._broker.retry_until_available(lambda: self._parts.tags.announce(said))
        with watch.stage(Stage.MARK):
            marked = await self._store.retry_until_available(
                lambda: self._parts.scores.apply(head.image_id, transitions.acknowledged(head))
            )
        self._metrics.announced(said)
        self._metrics.without_restaurant.inc(sum(move.is_without_restaurant for move in moves))
        return marked.head


def _traced(said: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
    traceparent = TRACEPARENT.get()
    if traceparent is None:
        return said
    return tuple(each.model_copy(update={"traceparent": traceparent}) for each in said)
