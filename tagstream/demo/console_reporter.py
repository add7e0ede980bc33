"""Console reporter: the lines and the progress bar of a running demo, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TimeElapsedColumn

from tagstream.render import progress
from tagstream.render.console import PrintableConsole


class ConsoleReporter:
    """Says what goes on; `is_quiet` says nothing at all where standard error is no terminal."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._console = PrintableConsole(stderr=True, quiet=is_quiet and not sys.stderr.isatty())
        self._progress = progress.on_terminal(
            SpinnerColumn(),
            progress.said(progress.DESCRIPTION),
            BarColumn(),
            MofNCompleteColumn(),
            progress.said("photographs"),
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
        self._progress.console.print(f"  {text}", style=style, soft_wrap=True)

    def doing(self, text: str, *, total: int | None = None) -> None:
        """What the bar stands for now."""
        self._progress.update(self._bar, description=text, total=total)

    def done(self, count: int) -> None:
        """How far it is."""
        self._progress.update(self._bar, completed=count)
