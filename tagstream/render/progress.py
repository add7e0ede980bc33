"""Progress bars on standard error: their columns, where they show, and a bar for each phase of a work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

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


class Bars(Progress):
    """Bars; what others write meanwhile is shown above them, and is only shown."""

    def start(self) -> None:
        """See `Progress.start`, which takes the streams for itself and obeys what is written to them."""
        super().start()
        printable_streams.wrap()


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
    return Bars(*columns, console=where, transient=transient, disable=quiet or not where.is_terminal)


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
