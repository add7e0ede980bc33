"""Console reporter: the lines and the progress bar of a running demo, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from tagstream.render import progress


class ConsoleReporter:
    """Says what goes on; `is_quiet` says nothing at all where standard error is no terminal."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=is_quiet and not sys.stderr.isatty(), highlight=False)
        self._progress = progress.on_terminal(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("photographs"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._bar = self._progress.add_task("Starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str, *, style: str = "") -> None:
        """One line that stays."""
        self._progress.console.print(f"  {escape(text)}", style=style, soft_wrap=True)

    def doing(self, text: str, *, total: int | None = None) -> None:
        """What the bar stands for now."""
        self._progress.update(self._bar, description=escape(text), total=total)

    def done(self, count: int) -> None:
        """How far it is."""
        self._progress.update(self._bar, completed=count)
