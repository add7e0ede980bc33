"""A bar on standard error for each kind of long work, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from model.data.progress import Tick

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def shown() -> Iterator[Tick]:
    """A `Tick` that draws; a bar a kind, in the order in which they begin."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def tick(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield tick


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Who is told what is being done, how many are done and of how many, while the block lasts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        phases: dict[str, TaskID] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in phases:
                phases[what] = progress.add_task(what, total=total)
            progress.update(phases[what], completed=done, total=total)

        yield tick
