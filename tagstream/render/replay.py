"""Replay jobs in the terminal: what a job would do, bars while it runs, tables of how it stands, or JSON."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from operations.rescore import RescoreResult
from operations.rescore_jobs import JobStanding, standing
from operations.rescore_plan import RescorePlan
from schemas.rescore_jobs import RescoreJob, SpoiledJob
from tagstream.render import progress as bars
from tagstream.render import replay_words as words
from tagstream.render import tables
from tagstream.render.console import PrintableConsole, PrintableTable

INTERRUPTED = 130
"""The exit code of a command that was stopped by Ctrl-C."""


class ReplayBars:
    """Bars on standard error, one for the reading and one for the scoring; the plan between them."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._bars: bars.Bars | None = None
        self._what = ""
        self.job: RescoreJob | None = None

    def reading(self, done: int, total: int) -> None:
        """See `RescoreWatch.reading`."""
        self._show("Reading the uploads", done, total)

    def planned(self, plan: RescorePlan, job: RescoreJob) -> None:
        """Say what the job would do, before it does it."""
        self.close()
        if not self._as_json:
            PrintableConsole().print(words.plan(plan, job))

    def moved(self, job: RescoreJob) -> None:
        """See `RescoreWatch.moved`."""
        if self.job is None or self.job.state is not job.state:
            self._tell(words.step(job))
        self.job = job
        self._show("Scored and counted", job.counts.looked_at, job.total)

    def away(self, dependency: str) -> None:
        """See `RescoreWatch.away`."""
        self._tell(f"The {dependency} is away: waiting for it; nothing is lost")

    def back(self, dependency: str) -> None:
        """See `RescoreWatch.back`."""
        self._tell(f"The {dependency} is not waited for any more")

    def close(self) -> None:
        """Leave the bar where it is."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._what = None, ""

    def _show(self, what: str, done: int, total: int | None) -> None:
        if self._what != what:
            self.close()
            self._what = what
            self._bars = bars.on_terminal(*bars.columns(), transient=False, quiet=self._as_json)
            self._bars.start()
            self._bars.add_task(what, total=total)
        if self._bars is not None:
            self._bars.update(self._bars.tasks[0].id, completed=done, total=total)

    def _tell(self, line: str) -> None:
        console = self._bars.console if self._bars is not None else PrintableConsole(stderr=True)
        console.print(line, soft_wrap=True)


class ReplayLines:
    """A line for each change of a job: of a service that nobody watches."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = PrintableConsole()

    def reading(self, done: int, total: int) -> None:
        """Nobody watches."""

    def moved(self, job: RescoreJob) -> None:
        """See `RescoreWatch.moved`."""
        if self._as_json:
            typer.echo(json.dumps(standing(job).document()))
        else:
            self._console.print_line(words.line(job))

    def away(self, dependency: str) -> None:
        """See `RescoreWatch.away`."""
        typer.echo(f"The {dependency} is away: waiting for it", err=True)

    def back(self, dependency: str) -> None:
        """See `RescoreWatch.back`."""
        typer.echo(f"The {dependency} is not waited for any more", err=True)

    def failed(self, job_id: str, error: Exception) -> None:
        """A job that cannot go on here."""
        PrintableConsole(stderr=True).print_line(f"{job_id}: {error}")


@contextmanager
def watching(*, as_json: bool) -> Iterator[ReplayBars]:
    """What is told while a job runs; Ctrl-C and a stop by the system say how to go on."""
    watch = ReplayBars(as_json=as_json)
    with _interrupting():
        try:
            yield watch
        except KeyboardInterrupt:
            watch.close()
            if watch.job is None:
                raise
            typer.echo(f"Stopped. `tagstream replay resume {watch.job.id}` goes on", err=True)
            raise typer.Exit(INTERRUPTED) from None
        finally:
            watch.close()


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """A service that is stopped gives its jobs back, and ends well."""
    with _interrupting():
        try:
            yield
        except KeyboardInterrupt:
            typer.echo("Stopped; its jobs are free for another runner", err=True)


@contextmanager
def _interrupting() -> Iterator[None]:
    """SIGTERM as Ctrl-C, so that a lease is given back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def show_result(done: RescoreResult, *, as_json: bool) -> None:
    """What was planned, and what has become of it."""
    if as_json:
        job = standing(done.job).document() if done.job else None
        typer.echo(json.dumps({"dry_run": done.job is None, "plan": done.plan.document(), "job": job}))
    elif done.job is not None:
        show_job(done.job, as_json=False)


def show_job(job: RescoreJob, *, as_json: bool) -> None:
    """How the job stands."""
    show_standing(standing(job), as_json=as_json)


def show_standing(found: JobStanding, *, as_json: bool) -> None:
    """How a job stands, who runs it, and what it has changed."""
    if as_json:
        typer.echo(json.dumps(found.document()))
        return
    console = PrintableConsole()
    console.print(tables.grid(words.facts(found)))
    if found.job.labels:
        console.print(_labels(found.job))
    if found.job.unfinished:
        console.print(words.unfinished(found.job), soft_wrap=True)


def show_steered(found: JobStanding, *, as_json: bool) -> None:
    """What was just made of a job."""
    if as_json:
        typer.echo(json.dumps(found.document()))
        return
    PrintableConsole().print_line(words.steered(found))


def show_list(found: Sequence[JobStanding | SpoiledJob], *, as_json: bool) -> None:
    """Every job, and the documents that are none any more."""
    jobs = [each for each in found if isinstance(each, JobStanding)]
    spoiled = [each for each in found if isinstance(each, SpoiledJob)]
    if as_json:
        told = [{"id": each.id, "why": each.why} for each in spoiled]
        typer.echo(json.dumps({"jobs": [each.document() for each in jobs], "spoiled": told}))
        return
    console = PrintableConsole()
    if not found:
        console.print("There is no replay yet: `tagstream replay start` begins one")
    if jobs:
        table = tables.plain(
            "Job", "State", "Version", "Images", "Rescored", "By", right={"Images", "Rescored"}, whole={"Job"}
        )
        for each in jobs:
            counts = each.job.counts
            table.add_row(
                each.job.id,
                each.words,
                each.job.model_version,
                words.of_total(each.job),
                f"{counts.rescored:,}",
                each.job.created_by,
            )
        console.print(table)
    for one in spoiled:
        console.print_line(str(one.error))


def _labels(job: RescoreJob) -> PrintableTable:
    made = PrintableTable("Tag", "Before", "Now", "Gained", "Lost")
    for column in made.columns[1:]:
        column.justify = "right"
    for label, change in sorted(job.labels.items()):
        numbers = (change.before, change.after, change.gained, change.lost)
        made.add_row(label, *(f"{count:,}" for count in numbers))
    return made
