"""Every event that Tagstream logs, read out of its own source: for the docs, and to hold them to one form."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

_PROJECT: Final = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: Final[tuple[str, ...]] = tuple(_PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
"""Those of the wheel."""
_LEVELS: Final = {"debug", "info", "warning", "error", "critical", "exception"}


@dataclass(frozen=True, slots=True, order=True)
class LogEvent:
    """One log call."""

    name: str
    level: str
    fields: tuple[str, ...]
    """Those that are named in the call; `**` stands for more."""
    source: str
    """The file, from its package on."""


def events(packages: Iterable[str] = PACKAGES) -> tuple[LogEvent, ...]:
    """Every log call, by name.

    Raises:
        ValueError: an event is not spelled out in its call.
    """
    found = (
        event
        for package in packages
        for path, source in _sources(files(package), package)
        for event in events_in(source, path)
    )
    return tuple(sorted(found))


def events_in(source: str, path: str) -> Iterator[LogEvent]:
    """The log calls of one file: calls of a level's method on a name `log`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)) if level in _LEVELS:
                yield _event(node, level, path)


def _event(call: ast.Call, level: str, path: str) -> LogEvent:
    match call.args:
        case [ast.Constant(value=str(name))]:
            fields = tuple(keyword.arg or "**" for keyword in call.keywords if keyword.arg != "exc_info")
            return LogEvent(name, "error" if level == "exception" else level, fields, path)
    raise ValueError(f"{path}:{call.lineno}: a log call takes one constant event and named fields")


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _sources(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{path}/{entry.name}", entry.read_text(encoding="utf-8")
