"""Long work seen from a terminal: a bar a phase, with the time that is left, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Who is told what is being done, how many are done and of how many, while the block lasts."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        phases: dict[str, TaskID] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in phases:
                phases[what] = progress.add_task(what, total=total)
            progress.update(phases[what], completed=done, total=total)

        yield tick
