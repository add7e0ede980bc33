"""Progress bars on standard error: their columns, where they show, and a bar for each phase of a work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from model.data.progress import Tick
from tagstream import printable_streams
from tagstream.render.console import PrintableConsole

Time = Literal["none", "elapsed", "remaining", "both"]

DESCRIPTION = "{task.description}"


SECONDS: Final = 5.0
"""Between two lines that say where a work is, where there is no terminal for its bars."""


class Bars(Progress):
    """Bars; what others write meanwhile is shown above them, and is only shown.

    Where nobody looks on, a line says every few seconds where the work is, unless they are `quiet`.
    """

    def __init__(
        self,
        *columns: ProgressColumn,
        console: PrintableConsole,
        transient: bool = False,
        disable: bool = False,
        quiet: bool = False,
    ) -> None:
        super().__init__(*columns, console=console, transient=transient, disable=disable or quiet)
        self._speaks = not (quiet or console.is_terminal)
        self._ended = threading.Event()
        self._speaker: threading.Thread | None = None

    def start(self) -> None:
        """See `Progress.start`, which takes the streams for itself and obeys what is written to them."""
        super().start()
        printable_streams.wrap()
        if self._speaks and self._speaker is None:
            self._speaker = threading.Thread(target=self._speak, daemon=True)
            self._speaker.start()

    def stop(self) -> None:
        """See `Progress.stop`."""
        self._ended.set()
        if self._speaker is not None:
            self._speaker.join()
        super().stop()

    def spoken(self) -> Iterator[str]:
        """A line for each work that goes on: what it is, how much is done, and for how long it lasts."""
        for task in self.tasks:
            if task.visible and not task.finished:
                first = self.columns[0]
                what = first.render(task).plain if isinstance(first, TextColumn) else task.description
                of = "" if task.total is None else f" of {task.total:,.0f}"
                done = f"{task.completed:,.0f}{of}{task.fields.get('unit', '')}"
                yield f"{what}: {done}, {task.elapsed or 0:.0f} s".lstrip(": ")

    def _speak(self) -> None:
        while not self._ended.wait(SECONDS):
            for line in self.spoken():
                self.console.print(line, soft_wrap=True)


def said(form: str) -> ProgressColumn:
    """A text column; nothing in it is taken for markup."""
    return TextColumn(form, markup=False)


def columns(
    first: str | ProgressColumn = DESCRIPTION,
    *,
    time: Time = "remaining",
    more: Sequence[ProgressColumn] = (),
) -> tuple[ProgressColumn, ...]:
    """What goes on, a bar, how many are done, the time, and whatever more there is to say."""
    begin = said(first) if isinstance(first, str) else first
    elapsed = (TimeElapsedColumn(),) if time in {"elapsed", "both"} else ()
    remaining = (TimeRemainingColumn(),) if time in {"remaining", "both"} else ()
    return begin, BarColumn(), MofNCompleteColumn(), *elapsed, *remaining, *more


def on_terminal(
    *columns: ProgressColumn,
    transient: bool = True,
    quiet: bool = False,
    console: PrintableConsole | None = None,
) -> Bars:
    """Bars that show where somebody looks on, and are gone in the end unless they are to stay."""
    where = console or PrintableConsole(stderr=True)
    hidden = not where.is_terminal
    return Bars(*columns, console=where, transient=transient, disable=hidden, quiet=quiet)


@contextmanager
def waiting(what: str, *, quiet: bool = False) -> Iterator[None]:
    """A clock beside `what` is waited for."""
    shown = on_terminal(said(DESCRIPTION), TimeElapsedColumn(), quiet=quiet)
    with shown:
        shown.add_task(what, total=None)
        yield


@contextmanager
def phases(*, time: Time = "remaining") -> Iterator[Tick]:
    """A bar a phase, in the order in which they begin; they stay."""
    made: dict[str, TaskID] = {}
    progress = Bars(*columns(time=time), console=PrintableConsole(stderr=True))

    def tick(what: str, done: int, total: int) -> None:
        progress.start()
        if what not in made:
            made[what] = progress.add_task(what, total=total)
        progress.update(made[what], completed=done, total=total)

    try:
        yield tick
    finally:
        if made:
            progress.stop()
