"""Screen of `tagstream dev`: lines for people, or JSON lines for whoever started it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import typer
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from schemas.api_tokens import ApiToken
from streams.adapters.kafka.connection import KEPT_BYTES, PARTITIONS
from tagstream.child_process import WORKER
from tagstream.demo.workers import Entry, Worker
from tagstream.dev.photographs import Ended
from tagstream.dev.state import RunningSystem
from tagstream.render import tables
from tagstream.render.console import PrintableConsole

_NEXT: Final = (
    ("tagstream upload PHOTO.jpg --wait", "a photograph in, its tags out"),
    ("tagstream tail tagged", "every event, as it comes"),
    ("tagstream scores IMAGE_ID", "what holds of one image"),
    ("tagstream dlq list", "what could not be tagged, and why"),
    ("tagstream doctor", "whether all is well"),
)
_READY: Final = "model.warm"
_SERVING: Final = "api.serving"
_ALARM: Final = "rejections.alarm"
_STYLES: Final = {"warning": "yellow", "error": "red", "critical": "bold red"}
_CHATTER: Final = frozenset({"level", "timestamp", "event", "logger"})


class DevScreen(Protocol):
    """Whom the running system tells what goes on."""

    def started(self, state: RunningSystem, folder: Path, token: ApiToken | None) -> None:
        """Everything is there; workers and API may still be loading the model. `token` is the API's."""

    def ended(self, photograph: Ended) -> None:
        """A photograph was tagged, or cannot be."""

    def heard(self, worker: Worker, entry: Entry) -> None:
        """A worker, or the API, has logged a line."""

    def say(self, text: str) -> None:
        """Something else happened."""


class Terminal:
    """For people, on standard output."""

    def __init__(self, console: PrintableConsole | None = None) -> None:
        self._console = console or PrintableConsole()

    def started(self, state: RunningSystem, folder: Path, token: ApiToken | None) -> None:
        """See `DevScreen.started`."""
        key = {"key": token.text} if token else {}
        places = tables.grid({**state.addresses, **key}.items())
        hints = tables.grid(_NEXT, style="bold cyan")
        kept = (
            f"State, tags and logs are in {folder}. When this ends, topics and photographs are gone; "
            "the next run begins with an empty store. "
            f"The broker keeps {KEPT_BYTES // 2**20} MB of each of a topic's {PARTITIONS} partitions: what "
            "is published faster than the workers read is dropped beyond that."
        )
        again = Text("In another terminal, here or in a folder below:", "dim")
        body = Group(places, Text(), again, hints, Text(), Text(f"{kept} Ctrl-C ends it.", "dim"))
        self._console.print(Panel(body, title="Tagstream is running", expand=False))
        if token:
            # Outside of the panel, whose edges would be pasted, too.
            self._print(Text(_call(state, token), "bold cyan"))
        self._print(Text("The worker loads its model; what is uploaded meanwhile waits for it", "dim"))

    def ended(self, photograph: Ended) -> None:
        """See `DevScreen.ended`."""
        self._print(photograph.line())

    def heard(self, worker: Worker, entry: Entry) -> None:
        """See `DevScreen.heard`. Of what goes well only that it begins: the photographs tell the rest."""
        event, level = str(entry.get("event")), str(entry.get("level"))
        if event == _SERVING:
            self._print(Text(f"The API is ready: {entry.get('address')}", "green"))
        elif event == _READY and worker.kind == WORKER:
            self._print(Text(f"Worker {worker.number} is ready, with model {entry.get('version')}", "green"))
        elif event == _ALARM:
            self._print(Text(_alarm(entry), _STYLES[level]))
        elif level in _STYLES:
            facts = "  ".join(f"{name}={value}" for name, value in entry.items() if name not in _CHATTER)
            self._print(Text(f"{worker.title}: {event}  {facts}".rstrip(), _STYLES[level]))

    def say(self, text: str) -> None:
        """See `DevScreen.say`."""
        self._print(Text(text, "bold"))

    def _print(self, line: Text) -> None:
        self._console.print_line(line)


def _call(state: RunningSystem, token: ApiToken) -> str:
    """For a shell: the first photograph over HTTP."""
    return (
        f'curl -H "Authorization: Bearer {token.text}" -F image=@PHOTO.jpg '
        f"{state.addresses['api']}/v1/predictions"
    )


def _alarm(entry: Entry) -> str:
    return (
        f"Too many are {entry.get('cause')}: from now on they are held aside, tried again, and in the end "
        "parked; everything else goes on. `tagstream doctor` says what to do"
    )


class Lines:
    """For scripts: a JSON object a line on standard output, each with `what` it is."""

    def started(self, state: RunningSystem, folder: Path, token: ApiToken | None) -> None:
        """See `DevScreen.started`."""
        key = {"key": token.text, "curl": _call(state, token)} if token else {}
        self._write("started", {"folder": str(folder), "pid": state.pid, **state.addresses, **key})

    def ended(self, photograph: Ended) -> None:
        """See `DevScreen.ended`."""
        self._write("photograph", photograph.document())

    def heard(self, worker: Worker, entry: Entry) -> None:
        """See `DevScreen.heard`."""
        self._write("log", {worker.kind: worker.number, **entry})

    def say(self, text: str) -> None:
        """See `DevScreen.say`."""
        self._write("said", {"text": text})

    @staticmethod
    def _write(what: str, facts: Mapping[str, object]) -> None:
        typer.echo(json.dumps({"what": what, **facts}))
