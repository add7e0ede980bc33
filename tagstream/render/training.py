"""A training seen from a terminal: a bar a phase with the time that is left, and a line an epoch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from rich.progress import TaskID

from tagstream.render.console import PrintableConsole
from tagstream.render.progress import Bars, columns, said

if TYPE_CHECKING:
    from model.training.watch import OptimizerStep, Validation, Watch

WINDOW: Final = 20
"""Steps that the images a second are taken over."""


@contextmanager
def watched(*, stopped: str) -> Iterator[Watch]:
    """A `Watch` that shows bars and lines on standard error; interrupted, what `stopped` says of going on."""
    from model.training.watch import Watch

    more = said("{task.fields[more]}")
    try:
        with Bars(*columns(more=(more,)), console=PrintableConsole(stderr=True)) as progress:
            screen = TrainingScreen(progress)
            yield Watch(screen.tick, screen.on_validation, on_step=screen.on_step, say=screen.say)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on {stopped}", err=True)
        raise


class TrainingScreen:
    """What is shown, and where."""

    def __init__(self, progress: Bars) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._recent: deque[tuple[float, int]] = deque(maxlen=WINDOW)

    def tick(self, what: str, done: int, total: int) -> None:
        """A phase of which `done` of `total` are done."""
        self._progress.update(self._bar(what, total=total), completed=done, total=total)

    def on_step(self, step: OptimizerStep) -> None:
        """One step of the optimizer."""
        more = f"epoch {step.epoch}, loss {step.loss:.4f}{self._speed(step.images)}"
        self._progress.update(
            self._bar("training", total=step.of), completed=step.number, total=step.of, more=more
        )

    def on_validation(self, trial: Validation) -> None:
        """Weights that were tried on `val`."""
        self.say(f"{trial.name}: val loss {trial.loss:.4f}, top label {trial.top_accuracy:.1%}")

    def say(self, line: str) -> None:
        """A remark, above the bars."""
        self._progress.console.print(line, soft_wrap=True)

    def _bar(self, what: str, *, total: int) -> TaskID:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total, more="")
        return self._bars[what]

    def _speed(self, images: int) -> str:
        self._recent.append((time.monotonic(), images))
        seconds = self._recent[-1][0] - self._recent[0][0]
        if not seconds:
            return ""
        return f", {sum(count for _, count in list(self._recent)[1:]) / seconds:.0f} images/s"
