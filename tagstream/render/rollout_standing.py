"""Rollouts in the terminal and as a page: what was started, how it stands, and what ended it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from rich.text import Text

from operations.rollout_report import GuardRow, RolloutReport
from operations.rollouts import RolloutStart
from schemas.rollouts import ModelRollout, RolloutState, SpoiledRollout
from tagstream.render import tables, version_tables
from tagstream.render.console import PrintableConsole, PrintableTable
from tagstream.render.gallery import PageTable

_GUARD_HEADS = ("Guard", "Found", "At most", "Says something from")
_STYLES = {
    RolloutState.RUNNING: "bold green",
    RolloutState.ROLLED_BACK: "bold red",
    RolloutState.ENDED: "dim",
}


def show_start(started: RolloutStart, *, as_json: bool) -> None:
    """What runs now, and what to do next."""
    rollout = started.rollout
    if as_json:
        typer.echo(json.dumps({"id": rollout.id, "workers": started.workers, "percent": rollout.percent}))
        return
    console = PrintableConsole()
    was = "" if started.was is None else f" (it was on {started.was:g} %)"
    console.print(f"{lead(rollout)}{was}", soft_wrap=True)
    workers = f"{started.workers} worker{'' if started.workers == 1 else 's'}"
    console.print(
        f"{workers} of {rollout.serving} load {rollout.version} within seconds, and compare from then on:"
        f" `tagstream model rollout` shows what, `tagstream model end-rollout` ends it.",
        soft_wrap=True,
    )


def show(report: RolloutReport, *, as_json: bool) -> None:
    """How it stands."""
    if as_json:
        typer.echo(json.dumps(report.document()))
        return
    console, rollout = PrintableConsole(), report.rollout
    console.print(lead(rollout), soft_wrap=True)
    console.print(Text(standing(rollout), _STYLES[rollout.state]), soft_wrap=True)
    console.print(counted(rollout), soft_wrap=True)
    if report.rows:
        console.print(version_tables.labels(report.rows))
    if rollout.counts.diff.flips:
        console.print(version_tables.flips(rollout.counts.diff))
    console.print(_guards(report.guards))
    if said := outlook(rollout):
        console.print(said, soft_wrap=True)


def show_all(found: Sequence[ModelRollout | SpoiledRollout], *, as_json: bool) -> None:
    """A line each."""
    if as_json:
        typer.echo(json.dumps([_entry(each) for each in found]))
        return
    console = PrintableConsole()
    if not found:
        console.print("no rollout has been started; `tagstream model shadow NAME/VERSION` starts one")
        return
    table = tables.plain("Rollout", "On", "State", "Compared", "Differ", "Why", whole={"Rollout"})
    for each in found:
        if isinstance(each, SpoiledRollout):
            table.add_row(each.id, "", Text("spoiled", "bold red"), "", "", each.why)
            continue
        diff = each.counts.diff
        state = Text(each.state, _STYLES[each.state])
        table.add_row(
            each.id, f"{each.percent:g} %", state, f"{diff.images:,}", f"{diff.changed:,}", each.why
        )
    console.print(table)


def show_ended(rollout: ModelRollout, *, as_json: bool) -> None:
    """What was ended."""
    if as_json:
        typer.echo(json.dumps({"id": rollout.id, "state": rollout.state, "why": rollout.why}))
        return
    console = PrintableConsole()
    console.print(f"{rollout.id} has ended: {rollout.why}. {counted(rollout)}", soft_wrap=True)
    if said := outlook(rollout):
        console.print(said, soft_wrap=True)


def write(report: RolloutReport, pictures: Mapping[str, str], *, to: Path) -> None:
    """As a page, with the images whose probabilities moved the most."""
    rollout = report.rollout
    said = f"{lead(rollout)} {standing(rollout)} {counted(rollout)}"
    warnings = (rollout.why,) if rollout.state is RolloutState.ROLLED_BACK else ()
    page = version_tables.page(
        rollout.counts.diff,
        report.rows,
        pictures,
        title=f"Rollout {rollout.id}",
        lead=said,
        warnings=warnings,
        more=(PageTable("Guards", _GUARD_HEADS, tuple(map(_guard, report.guards))),),
    )
    to.write_text(page, encoding="utf-8")


def lead(rollout: ModelRollout) -> str:
    """What is compared with what, and whose tags hold."""
    whose = rollout.version if rollout.is_canary else rollout.serving
    return (
        f"{rollout.id}: {rollout.model} {rollout.version} beside {rollout.serving}, on {rollout.percent:g} %"
        f" of the uploads, of which the tags of {whose} hold."
    )


def standing(rollout: ModelRollout) -> str:
    """Where it stands, since when, and why."""
    began = f"started {rollout.started_at:%Y-%m-%d %H:%M} UTC by {rollout.started_by}"
    said = f" ({rollout.reason})" if rollout.reason else ""
    if rollout.is_running or rollout.ended_at is None:
        return f"Running, {began}{said}."
    ended = f"{rollout.ended_at:%Y-%m-%d %H:%M:%S} UTC by {rollout.ended_by}"
    how = "Rolled back" if rollout.state is RolloutState.ROLLED_BACK else "Ended"
    return f"{how} {ended}: {rollout.why}. It was {began}{said}."


def counted(rollout: ModelRollout) -> str:
    """How many, and what of them."""
    counts = rollout.counts
    diff = counts.diff
    changed = f" ({diff.changed / diff.images:.1%})" if diff.images else ""
    return (
        f"{diff.images:,} images compared, {diff.changed:,} with other tags{changed};"
        f" {counts.errors:,} that {rollout.version} failed on, {counts.passed_over:,} without room for it."
    )


def outlook(rollout: ModelRollout) -> str:
    """What a person may want to do next."""
    if rollout.is_running:
        return f"`tagstream model promote {rollout.model}/{rollout.version}` makes it serve, and ends this."
    if rollout.is_canary and rollout.counts.diff.images:
        return (
            f"What it has tagged stays until it is scored again: `tagstream replay start --from store --model"
            f" {rollout.serving} --scored-by {rollout.version}`."
        )
    return ""


def _guards(rows: Sequence[GuardRow]) -> PrintableTable:
    made = PrintableTable(*_GUARD_HEADS)
    for row in rows:
        made.add_row(*_guard(row))
    return made


def _guard(row: GuardRow) -> tuple[str, ...]:
    return row.name, row.found, row.most, f"{row.minimum:,} ({row.images:,} so far)"


def _entry(each: ModelRollout | SpoiledRollout) -> dict[str, object]:
    if isinstance(each, SpoiledRollout):
        return {"id": each.id, "state": "spoiled", "why": each.why}
    return {
        "id": each.id,
        "mode": each.mode,
        "model": each.model,
        "version": each.version,
        "serving": each.serving,
        "percent": each.percent,
        "state": each.state,
        "why": each.why,
        "compared": each.counts.diff.images,
        "changed": each.counts.diff.changed,
    }
