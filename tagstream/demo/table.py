"""Tables of a demo run, for people at a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from schemas import topics
from schemas.tags import Route
from tagstream.demo.accounting import Tagged
from tagstream.demo.result import Result
from tagstream.render import tables, tags
from tagstream.render.console import PrintableConsole, PrintableTable

_TO = {topics.MODERATION: "moderation", topics.AMBIANCE: "ambiance collection"}


def show(result: Result, console: PrintableConsole) -> None:
    """Print everything that the run showed."""
    for shown in (_photographs(result), _topics(result), _stages(result), _story(result)):
        console.print()
        console.print(shown)


def _photographs(result: Result) -> PrintableTable:
    labels = result.manifest.labels
    table = tags.columns("Photograph", labels, last="Where it went")
    for tagged in result.account.tagged:
        cells = tags.cells(tagged.verdict.tags, labels)
        table.add_row(Text(tagged.photo.name), *cells, _routes(tagged))
    empty = [""] * len(labels)
    for buried in result.account.buried:
        cause = Text.assemble((f"dead letter: {buried.code}", "yellow"), (f", {buried.message}", "dim"))
        table.add_row(Text(buried.photo.name), *empty, cause)
    for missing in result.account.missing:
        table.add_row(Text(missing.photo.name), *empty, Text(f"MISSING: {missing.why}", "bold red"))
    return table


def _routes(tagged: Tagged) -> Text:
    texts = [_route(route, tagged.photo.restaurant_id) for route in tagged.routes]
    return Text(", ".join(texts)) if texts else Text("tags only", "dim")


def _route(route: Route, restaurant: str | None) -> str:
    place = _TO.get(route.topic, route.topic)
    return f"{place} ({restaurant if route.topic != topics.MODERATION else route.label})"


def _topics(result: Result) -> PrintableTable:
    table = tables.plain("Topic", "Events", "Said again")
    for topic in result.account.topics:
        table.add_row(topic.name, str(topic.distinct), str(topic.repeated or ""))
    return table


def _stages(result: Result) -> PrintableTable:
    table = tables.plain("Stage", "Mean ms a photograph")
    for stage, seconds in result.pace.stages.items():
        table.add_row(stage, f"{seconds * 1000:.1f}")
    return table


def _story(result: Result) -> RenderableType:
    pace, model = result.pace, result.manifest
    lines = [
        Text(
            f"Model {model.name} {model.version}. {result.throughput:.1f} photographs a second over "
            f"{pace.working_seconds:.1f} s of work; {pace.total_seconds:.0f} s in all."
        ),
    ]
    if result.is_drill:
        lines.append(Text(_drill(result), "" if result.deliveries.redelivered else "bold yellow"))
    lines.append(Text(result.verdict, "bold green" if result.account.is_complete else "bold red"))
    return Group(*lines)


def _drill(result: Result) -> str:
    deliveries = result.deliveries
    if result.strike is None:
        return "Drill: no worker was killed, so this run proves nothing about kills."
    takeover = f" after {deliveries.takeover_seconds:.1f} s" if deliveries.takeover_seconds else ""
    return (
        f"Drill: {deliveries.kills} worker killed with -9; its successor took over{takeover}; "
        f"{deliveries.redelivered} messages were delivered again; every event is there under one id."
    )
