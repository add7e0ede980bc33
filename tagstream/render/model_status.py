"""Who serves what, in the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import typer
from rich.text import Text

from operations.model_status import ModelStatus, SeenWorker
from tagstream.render import rollout_standing, tables
from tagstream.render.console import PrintableConsole


def show(found: ModelStatus, *, as_json: bool) -> None:
    """A line for each worker, and what is wrong below."""
    if as_json:
        document = {
            "served": dict(found.served),
            "workers": [each.document() for each in found.workers],
            "rollouts": [each.id for each in found.rollouts],
        }
        typer.echo(json.dumps(document))
        return
    console = PrintableConsole()
    if not found.workers:
        console.print("no worker has been seen for a day; `tagstream worker` starts one")
        return
    table = tables.plain("Worker", "Serves", "By", "Follows", "Swaps", "Seen", whole={"Worker", "Serves"})
    for each in found.workers:
        table.add_row(*_cells(each))
    console.print(table)
    for rollout in found.rollouts:
        console.print(rollout_standing.lead(rollout), soft_wrap=True)
    for missing in found.missing:
        console.print(missing, soft_wrap=True)
    for complaint in found.complaints:
        console.print(Text(complaint, "bold red"), soft_wrap=True)


def _cells(seen: SeenWorker) -> tuple[str | Text, ...]:
    state = seen.state
    others = [each.version for each in state.resident if each != state.serving]
    serves = f"{state.serving.name}/{state.serving.version}" + (f" (+ {', '.join(others)})" if others else "")
    ago = f"{max(0, (datetime.now(UTC) - state.seen_at).total_seconds()):.0f} s ago"
    said = Text(ago, "green") if seen.is_alive else Text(f"gone: {ago}", "bold red")
    return (state.id, serves, state.computed_by, state.follows or "", str(state.swaps), said)
