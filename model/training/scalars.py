"""TensorBoard scalars: loss, rates and images a second, and what `val` says.

tensorboard --logdir FOLDER
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from model.training.watch import OptimizerStep, Validation, Watch
from schemas.errors import ConfigurationError

T = TypeVar("T")


@dataclass(slots=True)
class Scalars:
    """What is written where; the steps count as the optimizer's do."""

    writer: Any
    seen: float = field(default_factory=time.monotonic)

    def on_step(self, step: OptimizerStep) -> None:
        """One step of the optimizer."""
        now = time.monotonic()
        self.writer.add_scalar("train/loss", step.loss, step.number)
        self.writer.add_scalar("train/rate_of_head", step.rate, step.number)
        self.writer.add_scalar("train/rate_of_body", step.body_rate, step.number)
        self.writer.add_scalar(
            "train/images_per_second", step.images / max(now - self.seen, 1e-9), step.number
        )
        self.seen = now

    def on_validation(self, trial: Validation) -> None:
        """What was tried on `val`; blends are of no step of their own."""
        if "of the last" not in trial.name:
            self.writer.add_scalar("val/loss", trial.loss, trial.step)
            self.writer.add_scalar("val/top_accuracy", trial.top_accuracy, trial.step)


@contextmanager
def recorded(folder: Path | None, *, watch: Watch, since: int) -> Iterator[Watch]:
    """`watch`, and beside it the scalars in `folder`, where there is one.

    `since`: the step that a training goes on from; what an earlier run wrote of later ones is dropped.
    Raises `ConfigurationError` where TensorBoard is not installed.
    """
    if folder is None:
        yield watch
        return
    with _writer(folder, since=since) as writer:
        scalars = Scalars(writer)
        yield replace(
            watch,
            on_step=_both(watch.on_step, scalars.on_step),
            on_validation=_both(watch.on_validation, scalars.on_validation),
        )


def summary_writer() -> Any:  # noqa: ANN401 - TensorBoard is untyped
    """Its class. Raises `ConfigurationError` where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - of the extra `train`
    except ImportError as error:
        raise ConfigurationError(
            "--tensorboard wants TensorBoard, which is not installed: pip install 'tagstream[train]'"
        ) from error
    return SummaryWriter


def _writer(folder: Path, *, since: int) -> Any:  # noqa: ANN401 - as above
    writer = summary_writer()
    try:
        return writer(str(folder), purge_step=since + 1 if since else None)
    except OSError as error:
        raise ConfigurationError(f"--tensorboard: {folder}: {error.strerror or error}") from error


def _both(one: Callable[[T], None], other: Callable[[T], None]) -> Callable[[T], None]:
    def told(what: T) -> None:
        one(what)
        other(what)

    return told
