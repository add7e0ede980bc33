"""A pipeline run by Luigi: in this process, one step after the other, errors as the steps raise them."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.atomic_folders import kept_room
from model.pipeline.engine import luigi
from model.pipeline.step import DoneMarker, Step
from model.pipeline.tasks import TaskErrors, task
from model.pipeline.visualiser import HOST
from schemas.errors import Broken, ConfigurationError

LOCK: Final = ".lock"


def unheard(step: Step) -> None:
    """Hears that a step begins, and says nothing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A step of a pipeline that has come to its end."""

    step: Step
    done: DoneMarker
    now: bool
    """False where it was finished before."""


def run(
    last: Step, *, pipeline: str, port: int | None = None, began: Callable[[Step], None] = unheard
) -> tuple[Ran, ...]:
    """Run `last` and all before it that is not finished, in order. `port` is that of Luigi's server.

    Raises what the first step that fails does, those behind it not begun; `ConfigurationError` where
    another process works in the same folder.
    """
    account = TaskErrors(began)
    with _alone(last.root), _quiet():
        result = luigi.build(  # type: ignore[no-untyped-call]
            [task(last, pipeline=pipeline, account=account)],
            detailed_summary=True,
            workers=1,  # in this process: with more Luigi forks, and neither torch nor the bars like that
            **_scheduler(port),
        )
    if account.error is not None:
        raise account.error
    finished = [(step, step.done()) for step in last.chain()]
    ran = tuple(Ran(step, done, now=step in account.ran) for step, done in finished if done is not None)
    if len(ran) < len(finished):
        raise Broken(f"Luigi ended without an error and without all steps: {result.one_line_summary}")
    return ran


def _scheduler(port: int | None) -> dict[str, object]:
    if port is None:
        return {"local_scheduler": True}
    return {"local_scheduler": False, "scheduler_host": HOST, "scheduler_port": port}


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """The kernel lets go of the lock however the process ends."""
    with kept_room(root, what="the pipeline"):
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ConfigurationError(
            f"{root}: another pipeline works in this folder; wait, or name another"
        ) from error
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _quiet() -> Iterator[None]:
    """Luigi's log is not shown: errors come out as they are, and steps are told of by the caller."""
    # Luigi sets up logging once a process, at its first run, unless it is told not to.
    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    config.set("core", "no_configure_logging", "true")
    loggers = [logging.getLogger(name) for name in ("luigi", "luigi-interface", "luigi.scheduler")]
    before = [(logger.disabled, logger) for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for was, logger in before:
            logger.disabled = was
