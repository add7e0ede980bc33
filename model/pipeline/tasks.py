"""Luigi adapter: the steps as its tasks, its scheduler, its visualiser. Nothing else here knows Luigi.

It belongs to the extra `train`, and serving never comes here. As a program, `python -m model.pipeline.tasks
PORT FOLDER`, this is Luigi's server on loopback: `luigid --address 127.0.0.1 --port PORT`, but it never
outlives the command that started it, even one that is killed.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from model.pipeline.step import MARKER, Step
from schemas.errors import ConfigurationError

try:
    with warnings.catch_warnings():
        # At its first import Luigi says that its range tasks will not be loaded by themselves one day.
        warnings.simplefilter("ignore", DeprecationWarning)
        import luigi
        from luigi.parameter import ParameterVisibility
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        "the pipeline wants Luigi, which is not installed: pip install 'tagstream[train]'"
    ) from missing

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
"""Seconds for the server to answer: it imports Luigi, on a machine that may have other work."""
PAUSE: Final = 0.1
LOG: Final = "luigid.log"


@dataclass(eq=False)
class TaskErrors:
    """What a run did. Luigi turns an error into a status; here it is kept as it was raised."""

    began: Callable[[Step], None]
    ran: list[Step] = field(default_factory=list)
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a task needs that is no parameter of it."""

    step: Step
    account: TaskErrors


class HeldParameter(luigi.Parameter[Held]):
    """Hands `Held` to a task; the visualiser never sees it, and no task is told by it."""

    def __init__(self) -> None:
        super().__init__(significant=False, visibility=ParameterVisibility.PRIVATE)

    def serialize(self, x: Held) -> str:
        """The step's name."""
        return x.step.name

    def _warn_on_wrong_param_type(self, param_name: str, param_value: object) -> None:
        """Say nothing: it is meant to be no string."""


class StepTask(luigi.Task):
    """One step, seen by Luigi."""

    pipeline: Any = luigi.Parameter(description="The version that it makes.")
    summary: Any = luigi.Parameter(description="What it is told by.")
    held: Any = HeldParameter()

    def requires(self) -> list[StepTask]:
        """The steps before it."""
        account = self.held.account
        return [task(need, pipeline=self.pipeline, account=account) for need in self.held.step.needs]

    def output(self) -> luigi.LocalTarget:
        """Its marker; one that is never there while a step before it is not finished."""
        step = self.held.step
        folder = step.folder or step.root / f"{step.name}-later"
        return luigi.LocalTarget(str(folder / MARKER))  # type: ignore[no-untyped-call]

    def complete(self) -> bool:
        """Whether it and all before it are finished, their products included."""
        return self.held.step.done() is not None

    def run(self) -> None:
        """Do it, unless the steps before it were done again and came out as they were."""
        held: Held = self.held
        if held.step.done() is None:
            held.account.began(held.step)
            held.step.run()
            held.account.ran.append(held.step)

    def on_failure(self, exception: BaseException) -> str:
        """Keep the error for whoever runs the pipeline, and say it in the visualiser in one line."""
        self.held.account.error = exception
        return str(exception)


STAGES: Final[Mapping[str, type[StepTask]]] = MappingProxyType(
    {
        name.lower(): type(name, (StepTask,), {"__doc__": summary, "__module__": __name__})
        for name, summary in (
            ("Gather", "Photographs from everywhere into a snapshot."),
            ("Preprocess", "The snapshot's photographs, decoded once."),
            ("Train", "A version from the decoded photographs."),
            ("Validate", "The version judged, with a page."),
            ("Publish", "The version in the registry."),
            ("Promote", "The alias on the version."),
        )
    }
)
"""A class a stage, so that the visualiser shows them by their names."""


def task(step: Step, *, pipeline: str, account: TaskErrors) -> StepTask:
    """The task of `step`, with those before it behind it."""
    return STAGES[step.name](pipeline=pipeline, summary=step.summary or step.name, held=Held(step, account))


def build(last: Step, *, pipeline: str, port: int | None, account: TaskErrors) -> str:
    """Run `last` and all before it that is not finished, in order; what Luigi says of it, in a line."""
    with _quiet():
        result = luigi.build(  # type: ignore[no-untyped-call]
            [task(last, pipeline=pipeline, account=account)],
            detailed_summary=True,
            workers=1,  # in this process: with more Luigi forks, and neither torch nor the bars like that
            **_scheduler(port),
        )
    return str(result.one_line_summary)


def _scheduler(port: int | None) -> dict[str, object]:
    if port is None:
        return {"local_scheduler": True}
    return {"local_scheduler": False, "scheduler_host": HOST, "scheduler_port": port}


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


@contextmanager
def visualiser(port: int) -> Iterator[str]:
    """Its address, while the block lasts. Raises `ConfigurationError` where the port is taken."""
    _refuse_taken(port)
    with tempfile.TemporaryDirectory(prefix="tagstream-luigi-") as place, _reached_directly():
        log = Path(place) / LOG
        with _started(port, Path(place), log=log) as server:
            try:
                _await(server, port=port, log=log)
                yield f"http://{HOST}:{port}"
            finally:
                server.terminate()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"--visualiser: port {port} cannot be had ({error}); name another"
            ) from error


def _started(port: int, place: Path, *, log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches the pipeline first; its input ends with us."""
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "model.pipeline.tasks", str(port), str(place)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(server: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(PAUSE)
    output = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ConfigurationError(
        f"Luigi's visualiser did not start: {output[-1] if output else 'it says nothing'}"
    )


@contextmanager
def _reached_directly() -> Iterator[None]:
    """No proxy between us and our own machine: Luigi asks as the environment says."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = f"{before},{HOST}" if before else HOST
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before


def serve(port: int, place: Path) -> None:
    """Serve. What the server knows is never read from a file: Luigi keeps such as a pickle."""
    from luigi import server  # noqa: PLC0415 - tornado: for this process alone

    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    config.set("scheduler", "state_path", str(place / "state"))
    threading.Thread(target=_end_with_the_input, args=(place,), daemon=True).start()
    server.run(api_port=port, address=HOST)  # type: ignore[no-untyped-call]


def _end_with_the_input(place: Path) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(place, ignore_errors=True)  # whoever made it was killed
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
