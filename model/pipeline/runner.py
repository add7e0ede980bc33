"""Pipeline runner: one step after the other in this process, by Luigi; errors as the steps raise them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.atomic_folders import kept_room, lock
from model.data.progress import silent
from model.pipeline.step import DoneMarker, Step
from model.pipeline.tasks import TaskErrors, build
from schemas.errors import Broken

LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Ran:
    """A step of a pipeline that has come to its end."""

    step: Step
    done: DoneMarker
    now: bool
    """False where it was finished before."""


def run(
    last: Step, *, pipeline: str, port: int | None = None, began: Callable[[Step], None] = silent
) -> tuple[Ran, ...]:
    """Run `last` and all before it that is not finished, in order. `port` is that of Luigi's server.

    Raises what the first step that fails does, those behind it not begun; `ConfigurationError` where
    another process works in the same folder.
    """
    account = TaskErrors(began)
    with _alone(last.root):
        summary = build(last, pipeline=pipeline, port=port, account=account)
    if account.error is not None:
        raise account.error
    finished = [(step, step.done()) for step in last.chain()]
    ran = tuple(Ran(step, done, now=step in account.ran) for step, done in finished if done is not None)
    if len(ran) < len(finished):
        raise Broken(f"Luigi ended without an error and without all steps: {summary}")
    return ran


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with kept_room(root, what="the pipeline"):
        held = lock(root / LOCK, busy=f"{root}: another pipeline works in this folder; wait, or name another")
    try:
        yield
    finally:
        os.close(held)
