"""Batch jobs in the terminal: a bar while one runs, how it stands, all of them, and rows with an error."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import typer
from rich.progress import BarColumn, ProgressColumn, Task, TaskProgressColumn
from rich.text import Text

from operations import batch_jobs
from operations.batch_jobs import AnyBatch, BatchProgress
from operations.batch_results import RowError
from operations.batch_start import StartedBatch
from schemas.batch_jobs import BatchJob, BatchState, SpoiledBatch
from tagstream.render import progress as bars
from tagstream.render import tables
from tagstream.render.console import PrintableConsole

INTERRUPTED: Final = 130
"""The exit code of a command that was stopped by Ctrl-C."""

SPOILED: Final = "spoiled"
WAITING: Final = "waiting"

_STYLES: Final = {
    str(BatchState.RUNNING): "bold cyan",
    str(BatchState.FINISHED): "bold green",
    str(BatchState.CANCELLED): "yellow",
    str(BatchState.FAILED): "bold red",
    WAITING: "bold yellow",
    SPOILED: "bold red",
}


def document(job: AnyBatch) -> dict[str, Any]:
    """What a script may read of a job."""
    if isinstance(job, SpoiledBatch):
        return {"id": job.id, "state": SPOILED, "why": job.why}
    progress = batch_jobs.progress(job)
    left = progress.seconds_left
    return {
        **job.model_dump(mode="json", exclude={"schema_version", "request_sha256", "going_since"}),
        "is_waiting": progress.is_orphaned,
        "progress": round(progress.share, 4),
        "eta_seconds": None if left is None else round(left, 1),
        "manifest": f"s3://{job.output.bucket}/{job.output.manifest}",
    }


def show_started(started: StartedBatch, *, as_json: bool) -> None:
    """That it is kept; on standard error, so that the document stays alone on the other."""
    if as_json:
        return
    job = started.job
    console = PrintableConsole(stderr=True)
    was = "was made before by the same request" if started.is_repeated else "is made"
    console.print_line(f"batch {job.id} {was}: {job.input}, by version {job.version}")


def show(job: BatchJob, *, as_json: bool) -> None:
    """How it stands."""
    if as_json:
        typer.echo(json.dumps(document(job)))
        return
    progress = batch_jobs.progress(job)
    PrintableConsole().print(tables.grid(_facts(job, progress)))


def show_all(found: Sequence[AnyBatch], *, as_json: bool) -> None:
    """A line each."""
    if as_json:
        typer.echo(json.dumps([document(each) for each in found]))
        return
    console = PrintableConsole()
    if not found:
        console.print("there is no batch job; `tagstream batch submit` makes one")
        return
    columns = ("Id", "State", "Done", "Rows", "Failed", "List")
    table = tables.plain(*columns, right={"Done", "Rows", "Failed"}, whole={"Id", "State"})
    for each in found:
        table.add_row(*_row(each))
    console.print(table)


def end(job: BatchJob, *, as_json: bool) -> None:
    """How it has ended; exits with 1 where not every row has a result."""
    show(job, as_json=as_json)
    if job.state is not BatchState.FINISHED:
        raise typer.Exit(1)


class BatchBar:
    """A bar by the bytes of the list: how many rows it has is known only at its end."""

    def __init__(self, *, quiet: bool) -> None:
        shown = (BarColumn(), TaskProgressColumn(), _Left())
        self._bars = bars.on_terminal(bars.said(bars.DESCRIPTION), *shown, transient=False, quiet=quiet)
        self._task = self._bars.add_task("", total=None, job=None, unit=" bytes")
        self._told = ""
        self._is_started = False

    def __call__(self, job: BatchJob) -> None:
        """The job has moved."""
        progress = batch_jobs.progress(job)
        self._bars.update(
            self._task,
            description=_rows(job),
            completed=job.bytes_done,
            total=max(1, job.input.size - job.input.begin),
            job=progress,
        )
        if not self._is_started:
            self._is_started = True
            self._bars.start()
        why = batch_jobs.NOBODY if progress.is_orphaned else job.why
        if why and why != self._told and job.state is BatchState.RUNNING:
            self._bars.console.print(why, soft_wrap=True, markup=False)
        self._told = why

    def close(self) -> None:
        """Leave the bar where it is."""
        self._bars.stop()


@contextmanager
def watching(batch_id: str, *, as_json: bool) -> Iterator[BatchBar]:
    """What is told while a job runs; Ctrl-C leaves it running, and says how to look on."""
    bar = BatchBar(quiet=as_json)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield bar
    except KeyboardInterrupt:
        bar.close()
        typer.echo(
            f"it goes on without you: `tagstream batch status {batch_id} --watch` looks on,"
            f" `tagstream batch cancel {batch_id}` stops it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
        bar.close()


@contextmanager
def errors(*, as_json: bool) -> Iterator[Callable[[RowError], None]]:
    """What is told of each row: a line, so that a million of them take no memory."""
    console, count = PrintableConsole(), 0

    def tell(row: RowError) -> None:
        nonlocal count
        count += 1
        if as_json:
            fact = {"row": row.row, "image": row.image, "error": row.code, "detail": row.detail}
            typer.echo(json.dumps(fact))
        else:
            console.print_line(f"row {row.row}: {row.image or '-'}: {row.code}: {row.detail}")

    yield tell
    if not count and not as_json:
        console.print("no row has an error so far")


class _Left(ProgressColumn):
    """How long it may take."""

    def render(self, task: Task) -> Text:
        """See `ProgressColumn.render`."""
        progress: BatchProgress | None = task.fields["job"]
        return Text("" if progress is None else _left(progress))


def _facts(job: BatchJob, progress: BatchProgress) -> Iterator[tuple[str, str | Text]]:
    yield "batch", job.id
    yield "state", Text(progress.words, _STYLES.get(progress.words, ""))
    if job.why or progress.is_orphaned:
        yield "why", Text(job.why or batch_jobs.NOBODY)
    yield "list", Text(str(job.input))
    model = job.model
    yield "model", f"{model.name}/{model.version} sha256:{model.digest[:12]}" if model else job.version
    yield "rows", _rows(job)
    for code, count in sorted(job.counts.errors.items(), key=lambda each: (-each[1], each[0])):
        yield "", Text(f"{count:,} {code}")
    yield "done", f"{progress.share:.0%} of the list's bytes{_left(progress, ', ')}"
    yield "results", Text(f"s3://{job.output.bucket}/{job.output.prefix}")
    yield "made", f"{job.created_at:%Y-%m-%d %H:%M} UTC by {job.created_by}"
    if job.state is BatchState.FAILED:
        yield "next", f"tagstream batch resume {job.id}, once that is mended"
    elif job.counts.failed:
        yield "next", f"tagstream batch errors {job.id}"


def _rows(job: BatchJob) -> str:
    total = f" of {job.total:,}" if job.total is not None else ""
    failed = f", {job.counts.failed:,} failed" if job.counts.failed else ""
    return f"{job.rows_done:,}{total} rows{failed}"


def _left(progress: BatchProgress, before: str = "") -> str:
    seconds = progress.seconds_left
    return "" if seconds is None else f"{before}{timedelta(seconds=round(seconds))} left"


def _row(job: AnyBatch) -> tuple[str | Text, ...]:
    if isinstance(job, SpoiledBatch):
        return (job.id, Text(SPOILED, _STYLES[SPOILED]), "", "", "", Text(job.why))
    progress = batch_jobs.progress(job)
    rows = f"{job.counts.rows:,}" + (f" of {job.total:,}" if job.total is not None else "")
    return (
        job.id,
        Text(progress.words, _STYLES.get(progress.words, "")),
        f"{progress.share:.0%}",
        rows,
        f"{job.counts.failed:,}",
        Text(str(job.input)),
    )
