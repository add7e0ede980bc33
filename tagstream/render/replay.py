"""A rescore in the terminal: bars, then tables or one JSON document."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer

from operations.rescore import RescoreResult, Tell
from operations.rescore_selection import SENT, RescoreChoice
from operations.rescore_summary import Summary
from tagstream.render import progress as bars
from tagstream.render.console import PrintableConsole, PrintableTable

PHASES: Final = {
    "read": "Reading the uploads",
    "choose": "Looking at scores, sending",
    "rescore": "Workers are scoring",
}
CHOICES: Final = {
    RescoreChoice.SEND: "lack scores of this version",
    RescoreChoice.DECIDE: "have scores of this version, and are decided on anew",
    RescoreChoice.SCORED: "have scores of this version",
    RescoreChoice.TAGGED: "have scores of another version",
    RescoreChoice.REMOVED: "were removed",
    RescoreChoice.ELSEWHERE: "are another restaurant's",
}


@contextmanager
def progress(*, quiet: bool) -> Iterator[Tell]:
    """A bar a phase on standard error, with the time that is left."""
    with bars.on_terminal(*bars.columns(), transient=False, quiet=quiet) as shown:
        made: dict[str, Any] = {}

        def tell(phase: str, done: int, total: int | None) -> None:
            if phase not in made:
                made[phase] = shown.add_task(PHASES[phase], total=total)
            shown.update(made[phase], completed=done, total=total)

        yield tell


def say(done: RescoreResult, *, as_json: bool) -> None:
    """Everything, on standard output."""
    if as_json:
        typer.echo(json.dumps(document(done)))
        return
    console = PrintableConsole()
    console.print(_plan(done))
    if done.summary is not None:
        _tell_summary(console, done, done.summary)
    elif not done.is_dry:
        console.print("The workers score them behind live traffic; run it again to see what is left.")


def document(done: RescoreResult) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "job": done.job.name,
        "model_version": done.job.selection.version,
        "dry_run": done.is_dry,
        "read": done.plan.read,
        "unreadable": done.plan.unreadable,
        "images": done.plan.images,
        "choices": dict(done.plan.choices),
        "summary": dataclasses.asdict(done.summary) if done.summary else None,
    }


def _plan(done: RescoreResult) -> PrintableTable:
    plan = done.plan
    made = PrintableTable.grid(padding=(0, 2))
    made.add_row(f"{plan.read:,}", "messages read")
    if plan.unreadable:
        made.add_row(f"{plan.unreadable:,}", "of them no events: they are among the dead letters")
    made.add_row(f"{plan.images:,}", "photographs")
    for choice, words in CHOICES.items():
        if count := plan.choices.get(choice.value):
            sent = ": nothing was sent" if done.is_dry else ": sent to the replay lane"
            made.add_row(f"{count:,}", words + (sent if choice in SENT else ""))
    return made


def _tell_summary(console: PrintableConsole, done: RescoreResult, summary: Summary) -> None:
    version = done.job.selection.version
    console.print(
        f"\n{summary.rescored:,} scored by version {version}; the tags of {summary.changed:,} have changed."
    )
    if summary.unfinished:
        console.print(
            f"{summary.unfinished:,} have no such scores: gone meanwhile, or among the dead letters"
            " (`tagstream dlq list`)."
        )
    if not summary.labels:
        return
    made = PrintableTable("Tag", "Before", "Now", "Gained", "Lost")
    for column in made.columns[1:]:
        column.justify = "right"
    for label, change in sorted(summary.labels.items()):
        made.add_row(label, *(f"{count:,}" for count in dataclasses.astuple(change)))
    console.print(made)
