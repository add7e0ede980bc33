"""Supervisor: workers that die are replaced; ones that die again and again end `tagstream dev`."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from schemas.errors import EXIT_CONFIGURATION, ConfigurationError
from tagstream.demo.workers import Worker, WorkerDied, Workers
from tagstream.dev.screen import DevScreen

DEATHS: Final = 3
"""Deaths within `SECONDS` from which on another worker is no remedy."""

SECONDS: Final = 120.0

_LOOK: Final = 0.3


class Supervisor:
    """Keeps `ports` workers alive, each with its metrics on a port of its own."""

    def __init__(self, crew: Workers, *, ports: tuple[int, ...], screen: DevScreen) -> None:
        self._crew = crew
        self._screen = screen
        self._posts = {port: crew.start(METRICS__PORT=port) for port in ports}
        self._deaths: list[float] = []

    async def tend(self) -> None:
        """Until cancelled.

        Raises:
            ConfigurationError: a worker was refused a setting.
            WorkerDied: workers die again and again.
        """
        while True:
            self.listen()
            for port, worker in self._posts.items():
                if (code := worker.process.poll()) is not None:
                    self._mourn(worker, code)
                    self._posts[port] = self._crew.start(METRICS__PORT=port)
            await asyncio.sleep(_LOOK)

    def listen(self) -> None:
        """Hand on what the workers have logged since the last time."""
        for worker in self._posts.values():
            for entry in worker.fresh():
                self._screen.heard(worker, entry)

    def _mourn(self, worker: Worker, code: int) -> None:
        if code == EXIT_CONFIGURATION:
            raise ConfigurationError(worker.last_words(1).removeprefix("tagstream: "))
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < SECONDS] + [now]
        if len(self._deaths) >= DEATHS:
            raise WorkerDied(
                f"{DEATHS} workers died within {SECONDS:.0f} s; the last one exited with {code} and said:\n"
                f"{worker.last_words()}"
            )
        self._screen.say(
            f"Worker {worker.number} died (exit code {code}); another one starts. Its log: {worker.log}"
        )
