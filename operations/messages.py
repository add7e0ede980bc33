"""The messages of every topic, told in a line each for people, or as a JSON object for scripts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from pydantic import ValidationError
from rich.text import Text

from schemas import topics, wire
from schemas.decisions import ModerationDecided
from schemas.errors import ConfigurationError
from schemas.events import (
    Action,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
)
from schemas.tags import Tag
from schemas.wire import headers
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.reader import NoTopic, Offsets, TopicReader
from streams.message import Message

_LONGEST: Final = 160


def line(message: Message) -> Text:
    """One line: when, what, and where in the topic; what cannot be read is shown as it came."""
    what = Text("deleted", "red") if message.value is None else _read(message)
    when = f"{message.timestamp.astimezone():%H:%M:%S} " if message.timestamp else ""
    who = (message.key or b"-").decode(errors="replace")
    place = f"  {message.partition}:{message.offset}"
    return Text.assemble((when, "dim"), (f"{who}  ", "cyan"), what, (place, "dim"))


def document(message: Message) -> dict[str, Any]:
    """As a line of `--json`: `value` is the event, or text where it is none; null is a tombstone."""
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp.isoformat() if message.timestamp else None,
        "key": None if message.key is None else message.key.decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers},
        **_value(message.value),
    }


def causes(message: Message) -> Mapping[str, str]:
    """Why a letter is one: its cause headers, by their names without the prefix."""
    return {
        name.removeprefix(headers.PREFIX): value.decode(errors="replace")
        for name, value in message.headers
        if name.startswith(headers.PREFIX)
    }


def tags(said: tuple[Tag, ...]) -> Text:
    """Every label with its probability, bright where the tag holds."""
    return Text("  ").join(map(_tag, said))


def _tag(tag: Tag) -> Text:
    if not tag.tagged:
        return Text(f"{tag.label} {tag.probability:.2f}", "dim")
    # A person's word has no probability: the model's would only look wrong beside it.
    said = "(a person)" if tag.source == "person" else f"{tag.probability:.2f}"
    return Text(f"{tag.label} {said}", "bold green")


def _value(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {"value": None}
    try:
        return {"value": json.loads(raw)}
    except ValueError:
        pass
    try:
        return {"value": raw.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(raw).decode()}


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


def _decision(message: Message) -> Text:
    event = ModerationDecided.model_validate_json(message.value or b"")
    labels = "" if event.labels is None else f" {', '.join(event.labels) or 'no label'}"
    comment = f"  {event.comment}" if event.comment else ""
    return Text.assemble((f"{event.action}{labels}", "bold"), f"  by {event.decided_by}{comment}")


def _rescore(message: Message) -> Text:
    event = RescoreRequested.model_validate_json(message.value or b"")
    return Text(f"{event.claim.location}  by model {event.model_version}, for {event.job}")


def _letter(message: Message) -> Text:
    why = causes(message)
    attempts = f"  after {why['attempts']} attempts" if why.get("attempts") else ""
    due = f"  due {why['due_at']}" if why.get("due_at") else ""
    said = why.get("exception.message", "")[:_LONGEST]
    return Text.assemble(
        (why.get("code", "no cause"), "bold red"),
        f" in {why.get('stage', '?')}: {said}",
        (attempts + due, "yellow"),
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
    topics.DECISIONS: _decision,
    topics.RESCORE: _rescore,
}


_AHEAD: Final = 1000
"""Messages read before somebody takes them."""

_Queue = asyncio.Queue[Message | BaseException]


@asynccontextmanager
async def followed(bootstrap: KafkaAddress, names: Iterable[str]) -> AsyncIterator[AsyncIterator[Message]]:
    """What is written to the topics from now on: the block begins when "now" is fixed.

    A topic that the broker does not have is left out.
    """
    queue: _Queue = asyncio.Queue(_AHEAD)
    async with AsyncExitStack() as stack:
        tasks = []
        for name in names:
            with contextlib.suppress(NoTopic):
                reader = await stack.enter_async_context(TopicReader(bootstrap, name))
                tasks.append(asyncio.create_task(_forward(reader, await reader.ends(), queue)))
        try:
            yield _taken(queue)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(reader: TopicReader, start: Offsets, queue: _Queue) -> None:
    try:
        async for message in reader.follow(start):
            await queue.put(message)
    except Exception as error:  # noqa: BLE001 - raised again by whoever takes the messages
        await queue.put(error)


async def _taken(queue: _Queue) -> AsyncIterator[Message]:
    while True:
        said = await queue.get()
        if isinstance(said, BaseException):
            raise said
        yield said


SHORT: Final = {
    "uploaded": topics.UPLOADED,
    "tagged": topics.TAGGED,
    "latest": topics.LATEST,
    "moderation": topics.MODERATION,
    "ambiance": topics.AMBIANCE,
    "decisions": topics.DECISIONS,
    "rescore": topics.RESCORE,
    "retry": topics.RETRY,
    "dlq": topics.DEAD_LETTERS,
    "parking": topics.PARKING,
}

_NAMES: Final = {topic: name for name, topic in SHORT.items()}


def full(name: str) -> str:
    """The topic that `name` means: a short name, or a topic's own (a collection of your routes file).

    Raises:
        ConfigurationError: it is neither.
    """
    if name in SHORT:
        return SHORT[name]
    if "." in name:
        return name
    raise ConfigurationError(f"{name!r} is no topic: give its full name, or one of {', '.join(SHORT)}")


def short(topic: str) -> str:
    """What people call the topic; a collection by the middle of its name, `photos.drinks.v1` as drinks."""
    parts = topic.split(".")
    return _NAMES.get(topic) or (parts[1] if len(parts) == 3 else topic)  # noqa: PLR2004 - prefix, name, version


def completed(incomplete: str) -> Iterator[tuple[str, str]]:
    """For the shell: the names that begin so, each with what it means."""
    for name, topic in SHORT.items():
        if name.startswith(incomplete):
            yield name, topic
