"""Messages of a topic, a line of text or of JSON for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import typer
from pydantic import ValidationError
from rich.text import Text

from operations import messages
from schemas import topics, wire
from schemas.decisions import ModerationDecided
from schemas.events import (
    Action,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
    VersionsCompared,
)
from schemas.statements import StatementOfReasons
from schemas.tags import Tag
from schemas.wire import headers
from streams.message import Message
from tagstream.render.console import PrintableConsole

_LONGEST: Final = 160


def line(message: Message) -> Text:
    """One line: when, what, and where in the topic; what cannot be read is shown as it came."""
    what = Text("deleted", "red") if message.value is None else _read(message)
    when = f"{message.timestamp.astimezone():%H:%M:%S} " if message.timestamp else ""
    who = (message.key or b"-").decode(errors="replace")
    place = f"  {message.partition}:{message.offset}"
    return Text.assemble((when, "dim"), (f"{who}  ", "cyan"), what, (place, "dim"))


def tags(shown: tuple[Tag, ...]) -> Text:
    """Every label with its probability, bright where the tag holds."""
    return Text("  ").join(map(_tag, shown))


def _tag(tag: Tag) -> Text:
    if not tag.tagged:
        return Text(f"{tag.label} {tag.probability:.2f}", "dim")
    # A person's word has no probability: the model's would only look wrong beside it.
    value = "(a person)" if tag.source == "person" else f"{tag.probability:.2f}"
    return Text(f"{tag.label} {value}", "bold green")


def _read(message: Message) -> Text:
    if any(name.startswith(headers.PREFIX) for name, _ in message.headers):
        return _letter(message)
    try:
        return _READERS.get(message.topic, _change)(message)
    except ValidationError:
        return Text((message.value or b"")[:_LONGEST].decode(errors="backslashreplace"))


def _uploaded(message: Message) -> Text:
    return Text("; ").join(map(_record, wire.decode(message.value, dict(message.headers))))


def _record(record: wire.Record) -> Text:
    match record:
        case wire.Uploaded(upload):
            whose = f"  restaurant {upload.restaurant_id}" if upload.restaurant_id else ""
            return Text(f"uploaded {upload.location}{whose}")
        case wire.Removed(removal):
            return Text(f"removed {removal.location}", "red")
        case wire.Ignored(why):
            return Text(f"asks for nothing: {why}", "dim")
        case wire.Invalid(error):
            return Text(f"no event: {error}", "red")


def _tagged(message: Message) -> Text:
    event = ImageTagged.model_validate_json(message.value or b"")
    reason = "" if event.reason == "live" else f"  ({event.reason})"
    return Text.assemble(str(event.location), "  ", tags(event.tags), _state(event.state), (reason, "dim"))


def _held(message: Message) -> Text:
    event = TagsHeld.model_validate_json(message.value or b"")
    whose = f"  says {event.decided_by}" if event.decided_by else ""
    return Text.assemble(
        str(event.location),
        "  ",
        tags(event.tags) if event.tags else ("no tags", "dim"),
        _state(event.state),
        whose,
    )


def _moderation(message: Message) -> Text:
    event = ModerationRequested.model_validate_json(message.value or b"")
    return Text.assemble(_moved(event.action, event.label), f"  {event.location}  ", (event.why.rule, "dim"))


def _change(message: Message) -> Text:
    event = CollectionChanged.model_validate_json(message.value or b"")
    place = f"{event.label} of {event.restaurant_id}"
    return Text.assemble(_moved(event.action, place), f"  {event.location}  ", (event.why.rule, "dim"))


def _compared(message: Message) -> Text:
    event = VersionsCompared.model_validate_json(message.value or b"")
    held = ", ".join(event.held.labels) or "no tags"
    other = f"  {event.held.model.version}: {held}; {event.model.version if event.model else '?'}: "
    return Text.assemble(str(event.location), other, tags(event.tags), (f"  ({event.rollout})", "dim"))


def _statement(message: Message) -> Text:
    event = StatementOfReasons.model_validate_json(message.value or b"")
    what = f"{event.kind}: {event.action}" if event.action else str(event.kind)
    return Text.assemble((what, "bold"), f"  {event.decision_facts}")


def _decision(message: Message) -> Text:
    event = ModerationDecided.model_validate_json(message.value or b"")
    labels = "" if event.labels is None else f" {', '.join(event.labels) or 'no label'}"
    comment = f"  {event.comment}" if event.comment else ""
    return Text.assemble((f"{event.action}{labels}", "bold"), f"  by {event.decided_by}{comment}")


def _rescore(message: Message) -> Text:
    event = RescoreRequested.model_validate_json(message.value or b"")
    return Text(f"{event.claim.location}  by model {event.model_version}, for {event.job}")


def _letter(message: Message) -> Text:
    why = messages.causes(message)
    attempts = f"  after {why['attempts']} attempts" if why.get("attempts") else ""
    due = f"  due {why['due_at']}" if why.get("due_at") else ""
    suspected = f"  suspected: too many are {why['suspected']}" if why.get("suspected") else ""
    error = why.get("exception.message", "")[:_LONGEST]
    return Text.assemble(
        (why.get("code", "no cause"), "bold red"),
        f" in {why.get('stage', '?')}: {error}",
        (suspected + attempts + due, "yellow"),
    )


def _moved(action: Action, what: str) -> Text:
    is_added = action is Action.ADDED
    return Text(f"{'+' if is_added else '-'} {what}", "bold green" if is_added else "bold yellow")


def _state(state: str) -> Text:
    return Text("" if state == "visible" else f"  {state}", "yellow")


_READERS: Final[Mapping[str, Callable[[Message], Text]]] = {
    topics.UPLOADED: _uploaded,
    topics.TAGGED: _tagged,
    topics.LATEST: _held,
    topics.MODERATION: _moderation,
    topics.STATEMENTS: _statement,
    topics.COMPARED: _compared,
    topics.DECISIONS: _decision,
    topics.RESCORE: _rescore,
}


def write_line(message: Message, console: PrintableConsole | None = None) -> None:
    """A line for people."""
    (console or PrintableConsole()).print_line(line(message))


def write_json(message: Message) -> None:
    """A JSON object a line, at once."""
    typer.echo(json.dumps(messages.document(message)))
