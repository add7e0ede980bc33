"""What `tagstream topics` finds and makes, and how it tells it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from operations import topic_names
from schemas import topics
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.topic_state import Applied, Declared, TopicOutcome, TopicState, declared

_STYLES: Final = {
    TopicOutcome.CREATED: "bold green",
    TopicOutcome.THERE: "green",
    TopicOutcome.FIRST_USE: "yellow",
    TopicOutcome.DIFFERS: "bold red",
}
_DAY: Final = 86_400


def wanted(*, partitions: int, replication: int) -> tuple[Declared, ...]:
    """Every topic of Tagstream, the redrives' journal too."""
    journal = Declared(topics.REDRIVEN, 1, replication, {"cleanup.policy": "compact"})
    return (*declared(partitions=partitions, replication=replication), journal)


async def apply(brokers: KafkaAddress, *, partitions: int, replication: int) -> tuple[Applied, ...]:
    """Make what is missing."""
    async with TopicAdmin(brokers) as admin:
        return await admin.apply(wanted(partitions=partitions, replication=replication))


def is_wrong(applied: Applied) -> bool:
    """Whether the topic differs in what matters: how it was partitioned is whoever's choice made it."""
    return applied.outcome is TopicOutcome.DIFFERS and any(
        not difference.split()[1].startswith("partition") for difference in applied.why.split("; ")
    )


async def found(brokers: KafkaAddress, *, everything: bool) -> Mapping[str, TopicState | None]:
    """The topics by name; None for one of ours that is not there."""
    async with TopicAdmin(brokers) as admin:
        there = {state.name: state for state in await admin.topics(None if everything else topics.ALL)}
    return {name: there.get(name) for name in (*topics.ALL, *sorted(there.keys() - set(topics.ALL)))}


def tell_applied(applied: Sequence[Applied], *, as_json: bool) -> None:
    """A line for each topic."""
    if as_json:
        _write({"topic": each.topic.name, "outcome": each.outcome, "why": each.why} for each in applied)
        return
    table = _table("Topic", "Outcome")
    for each in applied:
        table.add_row(each.topic.name, Text(each.outcome, _STYLES[each.outcome]))
    console = Console(highlight=False)
    console.print(table)
    for why, names in _reasons(applied).items():
        console.print(Text(f"{', '.join(names)}: {why}", "dim"), soft_wrap=True)


def tell_found(found: Mapping[str, TopicState | None], *, as_json: bool) -> None:
    """A line for each topic."""
    if as_json:
        _write(_document(name, state) for name, state in found.items())
        return
    table = _table("Topic", "Short", "Parts", "Records", "Replicas", "Kept")
    for name, state in found.items():
        table.add_row(
            name, topic_names.short(name), *(_cells(state) if state else [Text("missing", "bold red")])
        )
    Console(highlight=False).print(table)
    if any(state is not None and state.config is None for state in found.values()):
        Console(stderr=True).print("?: this broker does not say how long it keeps records", highlight=False)
    if None in found.values():
        Console(stderr=True).print("`tagstream topics apply` makes what is missing", highlight=False)


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


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column,
            no_wrap=column == "Topic",  # a name that is cut short cannot be copied
            justify="right" if column in {"Parts", "Records", "Replicas"} else "left",
        )
    return table


def _write(documents: Iterable[Mapping[str, Any]]) -> None:
    for document in documents:
        sys.stdout.write(json.dumps(document) + "\n")
