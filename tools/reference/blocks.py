"""The generated parts by their names: settings, metrics, log lines, topics, events, errors, breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from pydantic import BaseModel

from agents.telemetry.metrics import Metrics
from agents.wiring import settings
from agents.wiring.settings import SettingField
from console import problems
from console.problems import ProblemKind
from schemas import topics
from schemas.contract import asyncapi, examples, published
from schemas.contract.published import CHANNELS, Channel
from schemas.errors import Rejected
from schemas.wire import cloudevents, emitters
from tests.sabotage import rows
from tests.sabotage.rows import Row
from tools.reference import log_events
from tools.reference.fields import fields
from tools.reference.tables import code, table


def rendered(what: str) -> str:
    """The part of that name; raises `LookupError` where there is none."""
    name, _, argument = what.partition(" ")
    if argument:
        return _ABOUT[name](argument)
    return _WHOLE[name]()


def _settings() -> str:
    turned = (each for each in settings.described() if not each.is_advanced)
    sections = groupby(turned, key=lambda each: each.name.partition("__")[0])
    shown = [f"## {section}\n\n{_section(named)}" for section, named in sections]
    rest = _section(each for each in settings.described() if each.is_advanced)
    return "\n\n".join((*shown, f"## Advanced\n\n{rest}"))


def _section(named: Iterable[SettingField]) -> str:
    rows = ((code(each.name), _default(each), each.meaning) for each in named)
    return table(("Setting", "Default", "Meaning"), rows)


def _default(setting: SettingField) -> str:
    value = setting.about.default
    return setting.rule or ("" if value is None else code(json.dumps(value, default=str)))


def _metrics() -> str:
    rows = (
        (code(each.name), each.type, ", ".join(map(code, each.labels)), each.help)
        for each in Metrics().describe()
    )
    return table(("Metric", "Type", "Labels", "Meaning"), rows)


def _logs() -> str:
    return table(("Event", "Level", "Fields", "Said in"), _log_rows())


def _log_rows() -> Iterator[tuple[str, str, str, str]]:
    for name, calls in groupby(log_events.events(), key=lambda event: event.name):
        said = tuple(calls)
        named = dict.fromkeys(field for call in said for field in call.fields)
        shown = ", ".join("and more" if field == "**" else code(field) for field in named)
        yield code(name), said[0].level, shown, code(said[0].source)


def _topics() -> str:
    rows = (
        (f"[{code(each.topic)}](topics/{each.name}.md)", each.key, _direction(each), each.about)
        for each in CHANNELS
    )
    return table(("Topic", "Key", "A worker", "Carries"), rows)


def _topic(name: str) -> str:
    channel = next(each for each in CHANNELS if each.name == name)
    carried = ", ".join(code(event.__name__) for event in channel.events) or "messages as they came"
    rows = [
        ("Topic", code(channel.topic)),
        ("Key", channel.key),
        ("Carries", carried),
        ("A worker", _direction(channel)),
        ("`cleanup.policy`", code("compact" if channel.topic in topics.COMPACTED else "delete")),
    ]
    return f"{channel.about}\n\n{table(('', ''), rows)}"


def _direction(channel: Channel) -> str:
    return " and ".join(
        word for word, is_so in (("reads", channel.receives), ("writes", _writes(channel))) if is_so
    )


def _writes(channel: Channel) -> bool:
    # Of the topics that come in a worker writes one: it puts messages off.
    return channel.sends and channel.topic in topics.OUTBOUND


def _event(name: str) -> type[BaseModel]:
    return {event.__name__: event for event in published.EVENTS}[name]


def _fields(name: str) -> str:
    return fields(_event(name))


def _example(name: str) -> str:
    return f"```json {name}\n{json.dumps(asyncapi.example(_event(name)), indent=2)}\n```"


def _headers(name: str) -> str:
    example: Any = examples.EXAMPLES[_event(name)]
    said = cloudevents.headers(example, source="/tagstream", now=examples.NOON)
    return table(("Header", "For example"), ((code(each), code(value.decode())) for each, value in said))


def _letter_headers() -> str:
    said = examples.LETTER.causes.items()
    return table(("Header", "For example"), ((code(name), code(value.decode())) for name, value in said))


def _rejections() -> str:
    rows = ((code(each.code), _stage(each), _first_line(each)) for each in Rejected.__subclasses__())
    return table(("Cause", "Stage", "Meaning"), rows)


def _stage(error: type[Rejected]) -> str:
    return "" if error.code == "unforeseen" else str(error.stage)  # that one is told by whoever raises it


def _emitters() -> str:
    rows = (
        (each.name, each.told_by, each.spelling, each.order_in_words)
        for each in emitters.ALL
        if not each.refused
    )
    return table(("Storage", "Told by", "Keys", "Its events are ordered by"), rows)


def _refused_emitters() -> str:
    rows = ((each.name, each.told_by, each.refused) for each in emitters.ALL if each.refused)
    return table(("Sender", "Told by", "What its letter says"), rows)


def _sabotage() -> str:
    read = ((code(each.name), code(each.file), each.about, _guards(each)) for each in rows.read())
    return table(("Row", "Breaks", "How", "Turns red"), read)


def _guards(row: Row) -> str:
    named = ", ".join(code(test.rpartition("/")[2].rpartition("::")[2]) for test in row.tests)
    return f"{named} (slow)" if row.slow else named


def _problems() -> str:
    kinds = (each for each in vars(problems).values() if isinstance(each, ProblemKind))
    rows = (
        (str(each.status), code(each.code), each.title, f"{each.retry_after} s" if each.retry_after else "")
        for each in sorted(kinds, key=lambda each: (each.status, each.code))
    )
    return table(("Status", "`/problems/...`", "Meaning", "`Retry-After`"), rows)


def _first_line(error: type[Rejected]) -> str:
    return (error.__doc__ or "").splitlines()[0]


_WHOLE: Final[Mapping[str, Callable[[], str]]] = {
    "settings": _settings,
    "metrics": _metrics,
    "logs": _logs,
    "topics": _topics,
    "emitters": _emitters,
    "refused-emitters": _refused_emitters,
    "rejections": _rejections,
    "problems": _problems,
    "letter-headers": _letter_headers,
    "sabotage": _sabotage,
}
_ABOUT: Final[Mapping[str, Callable[[str], str]]] = {
    "topic": _topic,
    "fields": _fields,
    "example": _example,
    "headers": _headers,
}
