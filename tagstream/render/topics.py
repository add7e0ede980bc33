"""Topics in the terminal: what was made, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import typer
from rich.text import Text

from operations import topic_names
from streams.adapters.kafka.topic_state import Applied, TopicOutcome, TopicState
from tagstream.render import tables
from tagstream.render.console import PrintableConsole

_STYLES: Final = {
    TopicOutcome.CREATED: "bold green",
    TopicOutcome.THERE: "green",
    TopicOutcome.FIRST_USE: "yellow",
    TopicOutcome.DIFFERS: "bold red",
}
_DAY: Final = 86_400


def show_applied(applied: Sequence[Applied], *, as_json: bool) -> None:
    """A line for each topic."""
    if as_json:
        for each in applied:
            document = {"topic": each.topic.name, "outcome": each.outcome, "why": each.why}
            typer.echo(json.dumps(document))
        return
    table = tables.plain("Topic", "Outcome", whole={"Topic"})
    for each in applied:
        table.add_row(each.topic.name, Text(each.outcome, _STYLES[each.outcome]))
    console = PrintableConsole()
    console.print(table)
    for why, names in _reasons(applied).items():
        console.print(Text(f"{', '.join(names)}: {why}", "dim"), soft_wrap=True)


def show_found(found: Mapping[str, TopicState | None], *, as_json: bool) -> None:
    """A line for each topic."""
    if as_json:
        for name, state in found.items():
            typer.echo(json.dumps(_document(name, state)))
        return
    columns = ("Topic", "Short", "Parts", "Records", "Replicas", "Kept")
    table = tables.plain(*columns, right=set(columns[2:5]), whole={"Topic"})
    for name, state in found.items():
        table.add_row(
            name, topic_names.short(name), *(_cells(state) if state else [Text("missing", "bold red")])
        )
    PrintableConsole().print(table)
    if any(state is not None and state.config is None for state in found.values()):
        PrintableConsole(stderr=True).print("?: this broker does not say how long it keeps records")
    if None in found.values():
        PrintableConsole(stderr=True).print("`tagstream topics apply` makes what is missing")


def _document(name: str, state: TopicState | None) -> dict[str, Any]:
    told: dict[str, Any] = {"topic": name, "short": topic_names.short(name), "exists": state is not None}
    if state is None:
        return told
    return told | {
        "partitions": len(state.ends),
        "records": state.records,
        "replication": state.replication,
        "compacted": state.is_compacted if state.config is not None else None,
        "retention_seconds": state.retention.total_seconds() if state.retention else None,
        "ends": {str(number): offset for number, offset in state.ends.items()},
    }


def _reasons(applied: Iterable[Applied]) -> Mapping[str, Sequence[str]]:
    """Each reason once, and the topics that it is given for."""
    reasons: dict[str, list[str]] = {}
    for each in applied:
        if each.why:
            reasons.setdefault(each.why, []).append(topic_names.short(each.topic.name))
    return reasons


def _cells(state: TopicState) -> Sequence[Text | str]:
    return [str(len(state.ends)), f"{state.records:,}", str(state.replication), _kept(state)]


def _kept(state: TopicState) -> str:
    if state.config is None:
        return "?"
    if state.is_compacted:
        return "compacted"
    return f"{state.retention.total_seconds() / _DAY:g} days" if state.retention else "for ever"
