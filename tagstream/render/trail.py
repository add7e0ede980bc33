"""The audit trail in the terminal: sentences and tables, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from operations import topic_names
from operations.audit_trail import ClaimView, DecisionView, RouteAnnouncement, RouteView, Trail
from operations.dead_letters import Letter
from operations.explain import Explanation
from schemas.records import ScoreRecord
from tagstream.render import tables, tags, trail_words
from tagstream.render.console import PrintableConsole, PrintableTable

Letters = Sequence[Letter] | None
"""None where nobody asked for them."""


def show(explanation: Explanation, *, as_json: bool) -> None:
    """Print it; of an image that the store does not know the letters alone, where there are any."""
    trail, letters = explanation.trail, explanation.letters
    if as_json and trail:
        typer.echo(json.dumps(document(trail, letters)))
    elif as_json and letters is not None:
        documents = [each.document() for each in letters]
        unknown = {"image_id": explanation.image_id, "state": None, "dead_letters": documents}
        typer.echo(json.dumps(unknown))
    elif trail and not as_json:
        PrintableConsole().print(shown(trail, letters))
    elif letters:
        PrintableConsole().print(shown_letters(letters))


def document(trail: Trail, letters: Letters) -> dict[str, Any]:
    """The trail, and the image's letters where they were asked for."""
    told = trail.model_dump(mode="json") | {"in_words": list(trail_words.sentences(trail))}
    return told if letters is None else told | {"dead_letters": [each.document() for each in letters]}


def shown(trail: Trail, letters: Letters) -> RenderableType:
    """Sentences first, then every fact; readable in 80 columns."""
    first, *others = trail_words.sentences(trail)
    parts: list[RenderableType] = [Text(first, "bold"), *map(Text, others)]
    if trail.is_erased:
        parts += _section("Dead letters", shown_letters(letters)) if letters is not None else ()
        return Group(*parts)
    parts += _section("Events", tables.grid(row for spoken in trail.claims for row in _claim(spoken)))
    parts += _section("Bytes and model", _seen(trail))
    if trail.tags:
        parts += _section("Labels", _labels(trail))
        if why := tags.what_decided(led.rule for led in trail.routes):
            parts.append(Text(why, "dim"))
    if trail.routes:
        parts += _section("Routes", _routes(trail.routes))
    if trail.decision:
        parts += _section("Decision", _decision(trail.decision))
    if trail.other_decisions:
        parts += _section("Other decisions", _other_decisions(trail))
    parts += _section("Announced", _told(trail))
    if trail.history:
        parts += _section("History", _history(trail))
    if letters is not None:
        parts += _section("Dead letters", shown_letters(letters))
    return Group(*parts)


def shown_letters(letters: Sequence[Letter]) -> RenderableType:
    """Where each letter lies, and why."""
    if not letters:
        return Text("None about this image", "dim")
    table = tables.plain("Topic", "Letter", "Cause", "Written", "Says")
    for letter in letters:
        topic, partition, offset = letter.place
        written = letter.message.timestamp
        table.add_row(
            topic_names.short(topic),
            f"{partition}:{offset}",
            Text(letter.code, "bold red"),
            f"{written.astimezone():%Y-%m-%d %H:%M:%S}" if written else "-",
            letter.causes.get("exception.message", "") + (" (sent back)" if letter.is_redriven else ""),
        )
    return table


def _section(name: str, content: RenderableType) -> tuple[RenderableType, ...]:
    return Text(), Text(name, "bold cyan"), content


def _claim(spoken: ClaimView) -> Iterator[tuple[str, str]]:
    position, location = spoken.position, spoken.location
    stands = "it stands" if spoken.stands else "outranked"
    yield spoken.voice, f"{trail_words.claim(spoken)}; {stands}"
    yield "", f"event {position.event_id}"
    sequencer = f", sequencer {position.sequencer}" if position.sequencer else ""
    yield "", f"position: partition {position.partition}, offset {position.offset}{sequencer}"
    content = f", content {location.content_version}" if location.version or location.etag else ""
    yield "", f"{location}{content}"
    owners = (("restaurant", spoken.restaurant_id), ("uploader", spoken.uploader_id))
    if texts := [f"{name} {owner}" for name, owner in owners if owner]:
        yield "", ", ".join(texts)


def _seen(trail: Trail) -> RenderableType:
    if trail.model is None:
        return Text("None stand: the image is gone" if trail.was_scored else "Never scored", "dim")
    bytes_ = trail.content
    return tables.grid(
        (
            ("sha256", bytes_.digest if bytes_ else "-"),
            ("size", f"{bytes_.size:,} bytes" if bytes_ else "-"),
            ("model", f"{trail.model.name} {trail.model.version}"),
            ("weights", trail.model.digest),
            ("computed by", trail.computed_by or "not recorded"),
            ("scored from", trail_words.scored_from(trail.rendition)),
            ("decided", f"{trail.reason}, by job {trail.job}"),
        )
    )


def _labels(trail: Trail) -> PrintableTable:
    table = tables.plain("Label", "Probability", "Threshold", "Model", "Holds")
    for each in trail.tags:
        style = "bold green" if each.tagged else "dim"
        holds = "yes" if each.tagged else "no"
        table.add_row(
            Text(each.label, style),
            f"{each.probability:.3f}",
            f"{each.threshold:.3f}",
            "tagged" if each.reached else "not tagged",
            Text(f"{holds}, a person says" if each.source == "person" else holds, style),
        )
    return table


def _routes(routes: Sequence[RouteView]) -> PrintableTable:
    table = tables.plain("Topic", "Label", "In force", "Rule")
    for led in routes:
        why_not = f"; but {led.why_not}" if led.why_not else ""
        rule = f"{led.rule} ({led.probability:.3f}){why_not}"
        in_force = Text("yes", "bold green") if led.in_force else Text("no", "yellow")
        table.add_row(topic_names.short(led.topic), led.label, in_force, Text(rule))
    return table


def _decision(made: DecisionView) -> PrintableTable:
    return tables.grid(
        (
            ("decided", trail_words.decision(made)),
            ("in force", "yes" if made.in_force else f"no: {made.why_not}"),
            ("of bytes", made.content_digest or "not said"),
            ("event", made.event_id),
            ("position", f"partition {made.partition}, offset {made.offset}"),
            ("comment", made.comment or "-"),
        )
    )


def _other_decisions(trail: Trail) -> PrintableTable:
    return tables.grid(
        row
        for made in trail.other_decisions
        for row in (("decided", trail_words.decision(made)), ("in force", f"no: {made.why_not}"))
    )


def _told(trail: Trail) -> RenderableType:
    acknowledged = "none" if trail.told.revision is None else str(trail.told.revision)
    revisions = Text(f"Revision {trail.revision}; acknowledged: {acknowledged}")
    if not trail.told.routes:
        return Group(revisions, Text("No route was announced, and none waits", "dim"))
    return Group(revisions, _heard(trail.told.routes))


def _heard(routes: Sequence[RouteAnnouncement]) -> PrintableTable:
    table = tables.plain("Topic", "Label", "Restaurant", "Is")
    for each in routes:
        table.add_row(
            topic_names.short(each.topic), each.label, each.restaurant_id or "-", Text(each.hearing)
        )
    return table


def _history(trail: Trail) -> PrintableTable:
    table = tables.plain("Scored", "Model", "Job", "Bytes", "Probabilities")
    for record in trail.history:
        style = "bold" if record.scores.model == trail.model and record.content == trail.content else ""
        table.add_row(
            f"{record.scored_at.astimezone():%Y-%m-%d %H:%M:%S}",
            f"{record.scores.model.name} {record.scores.model.version}",
            record.job,
            _bytes(record),
            _probabilities(record),
            style=style,
        )
    return table


def _bytes(record: ScoreRecord) -> str:
    which = record.content.digest[:12] if record.content else record.content_version[:12]
    return which if record.scores.rendition is None else f"{which}, rendition"


def _probabilities(record: ScoreRecord) -> str:
    seen = sorted(record.scores.probabilities.items(), key=lambda each: -each[1])
    return ", ".join(f"{label} {probability:.2f}" for label, probability in seen)
