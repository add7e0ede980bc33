"""Supervisor: processes that die are replaced; ones that die again and again end `tagstream dev`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.errors import EXIT_CONFIGURATION, ConfigurationError
from tagstream.child_process import API, WORKER
from tagstream.demo.workers import Worker, WorkerDied, Workers
from tagstream.dev.screen import DevScreen

DEATHS: Final = 3
"""Deaths within `SECONDS` from which on another process is no remedy."""

SECONDS: Final = 120.0

_LOOK: Final = 0.3


@dataclass(frozen=True, slots=True)
class Post:
    """What is kept running: one process of a kind, under settings of its own."""

    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def worker(cls, metrics_port: int) -> Post:
        """A worker's."""
        return cls(WORKER, {"METRICS__PORT": metrics_port})

    @classmethod
    def api(cls, port: int, metrics_port: int) -> Post:
        """The API's, on loopback."""
        return cls(API, {"API__HOST": "127.0.0.1", "API__PORT": port, "METRICS__PORT": metrics_port})


class Supervisor:
    """Keeps the posts filled."""

    def __init__(self, crew: Workers, *, posts: Iterable[Post], screen: DevScreen) -> None:
        self._crew = crew
        self._screen = screen
        self._posts = [(post, self._filled(post)) for post in posts]
        self._deaths: list[float] = []

    async def tend(self) -> None:
        """Until cancelled.

        Raises:
            ConfigurationError: a process was refused a setting.
            WorkerDied: they die again and again.
        """
        while True:
            self.listen()
            self._posts = [(post, self._alive(post, process)) for post, process in self._posts]
            await asyncio.sleep(_LOOK)

    def listen(self) -> None:
        """Hand on what they have logged since the last time."""
        for _, process in self._posts:
            for entry in process.fresh():
                self._screen.heard(process, entry)

    def _filled(self, post: Post) -> Worker:
        return self._crew.start(post.kind, **post.settings)

    def _alive(self, post: Post, process: Worker) -> Worker:
        if (code := process.process.poll()) is None:
            return process
        self._mourn(process, code)
        return self._filled(post)

    def _mourn(self, worker: Worker, code: int) -> None:
        if code == EXIT_CONFIGURATION:
            raise ConfigurationError(worker.last_words(1).removeprefix("tagstream: "))
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < SECONDS] + [now]
        if len(self._deaths) >= DEATHS:
            raise WorkerDied(
                f"{DEATHS} processes died within {SECONDS:.0f} s; the last one exited with {code} and said:\n"
                f"{worker.last_words()}"
            )
        self._screen.say(f"{worker.title} died (exit code {code}); another one starts. Its log: {worker.log}")
