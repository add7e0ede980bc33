"""What waited in the replay lane, in the terminal: a table, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from operations.replay_lane import DroppedLane, Tick, WaitingReplay
from tagstream.render import progress, tables
from tagstream.render.console import PrintableConsole, PrintableTable
from tagstream.render.tables import counted


@contextmanager
def reading() -> Iterator[Tick]:
    """A bar while the lane is read."""
    with progress.on_terminal(*progress.columns("Reading the lane", time="none")) as shown:
        bar = shown.add_task("", total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=total)


def show(done: DroppedLane, *, as_json: bool) -> None:
    """What was dropped, and what else waits."""
    if as_json:
        dropped, left = ([each.document() for each in some] for some in (done.dropped, done.left))
        typer.echo(json.dumps({"dry_run": done.is_dry, "dropped": dropped, "left": left}))
        return
    console = PrintableConsole()
    if not done.dropped:
        console.print("No such replay waits in the lane")
    else:
        replays = counted(len(done.dropped), "replay")
        console.print(
            f"{replays} would be dropped"
            if done.is_dry
            else f"{replays} dropped; workers pass over what they ask for, within seconds where they run"
        )
        console.print(_table(done.dropped))
    if done.left:
        console.print("Still waiting:")
        console.print(_table(done.left))


def _table(replays: Sequence[WaitingReplay]) -> PrintableTable:
    table = tables.plain("Replay", "Version", "Requests", "Since", right={"Requests"}, whole={"Replay"})
    for each in replays:
        table.add_row(
            each.job, each.version, f"{each.requests:,}", f"{each.since.astimezone():%Y-%m-%d %H:%M}"
        )
    return table
