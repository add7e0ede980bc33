"""Command listener: every query that this process's drivers of MongoDB send.

`pymongo.monitoring.register` gives it to each client that is made afterwards, whoever makes it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

from pymongo import monitoring

from streams.adapters.mongo.indexes import INDEXES
from tests.mongo_queries import Query, is_carried, queries

SEEN: Final = "query.seen"
"""The event of a worker's log, of each query that is not like one before."""


class QueryWatch(monitoring.CommandListener):
    """Tells `see` of each query, before the server hears of it."""

    def __init__(self, see: Callable[[Query], None]) -> None:
        self._see = see

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        for query in queries(event.command):
            self._see(query)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


class SeenQueries:
    """The queries since the last look: one of each shape."""

    def __init__(self) -> None:
        self.by_shape: dict[str, Query] = {}

    def __call__(self, query: Query) -> None:
        self.by_shape.setdefault(str(query), query)

    @property
    def uncarried(self) -> list[str]:
        """Those that neither `_id` nor a declared index carries."""
        return [shape for shape, query in self.by_shape.items() if not is_carried(query, INDEXES)]


def log_queries() -> None:
    """In a worker process: a line of its log for each shape; to be called before it makes a client."""
    known: set[str] = set()

    def see(query: Query) -> None:
        if str(query) not in known:
            known.add(str(query))
            line = {"event": SEEN, "query": str(query), "is_carried": is_carried(query, INDEXES)}
            sys.stdout.write(f"{json.dumps(line)}\n")
            sys.stdout.flush()

    monitoring.register(QueryWatch(see))
