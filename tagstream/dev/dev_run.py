"""Development run, in order: the system, its state, its key, its processes, photographs as they end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from operations.backlog import metered
from operations.tail import followed
from schemas import topics
from streams.adapters.kafka.settings import ConsumerSettings
from streams.adapters.sqlite.store import SqliteScores
from tagstream.demo.workers import Workers
from tagstream.dev import dev_key, photographs
from tagstream.dev.screen import DevScreen
from tagstream.dev.supervisor import Post, Supervisor
from tagstream.dev.system import STORE, System, opened
from tagstream.embedded_stack import free_port

_LOOK_SECONDS: Final = 1.0
_GROUP: Final = ConsumerSettings().group


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What is to run, and where."""

    where: Path
    workers: int = 1
    metrics_port: int | None = None
    """Of the first worker; a free one where absent."""
    keep: bool = False
    """Go on with the store of the last run."""
    has_api: bool = True
    api_port: int | None = None
    """A free one where absent."""


async def run(asked: DevOptions, screen: DevScreen) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; workers and API are drained then and everything is closed.

    Raises:
        AlreadyRuns: another one runs there.
        ConfigurationError: a process was refused a setting.
        WorkerDied: they die again and again.
    """
    stop = _signalled()
    api_port = (asked.api_port or free_port()) if asked.has_api else None
    async with opened(asked.where, metrics_port=asked.metrics_port, api_port=api_port) as system:
        if not asked.keep:
            _empty(system.folder)
        token = await dev_key.fresh(system.premises.store) if asked.has_api else None
        system.state.write(system.folder)
        with Workers(system.folder, system.environment) as crew:
            tender = Supervisor(crew, posts=_posts(system, asked.workers), screen=screen)
            screen.started(system.state, system.folder, token)
            await _first(stop.wait(), tender.tend(), _watch(system, screen), _warn(system, screen))
            screen.say("Ending: the workers finish what they have begun")
            _stop_listening()
        tender.listen()


def _posts(system: System, workers: int) -> Iterator[Post]:
    yield Post.worker(system.metrics_port)
    for _ in range(workers - 1):
        yield Post.worker(free_port())
    if system.api_port:
        yield Post.api(system.api_port, free_port())


def _signalled() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop


def _stop_listening() -> None:
    """A second Ctrl-C is not waited for: whatever runs, ends at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.remove_signal_handler(number)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _empty(folder: Path) -> None:
    for file in folder.glob(f"{STORE}*"):  # SQLite's log and index beside it
        file.unlink()


async def _watch(system: System, screen: DevScreen) -> None:
    """Tell every photograph that ends."""
    where = system.premises
    async with SqliteScores(where.store) as store, followed(where.broker, photographs.ENDS) as ends:
        async for message in ends:
            screen.ended(await photographs.ended(message, store))


async def _warn(system: System, screen: DevScreen) -> None:
    """Say it when publishers run ahead of the workers: beyond what the broker keeps, records are lost."""
    group = system.environment.get("TAGSTREAM_KAFKA__GROUP", _GROUP)
    async with metered(system.premises.broker, group) as backlog:
        was_near = False
        while True:
            if backlog.is_near and not was_near:
                screen.say(f"Too much at once on {topics.UPLOADED}: {backlog.words}. Publish slower")
            was_near = backlog.is_near
            await asyncio.sleep(_LOOK_SECONDS)


async def _first(*loops: Coroutine[Any, Any, Any]) -> None:
    """Until the first of them ends; its error is raised, the others are cancelled."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
