"""Export of the statements of reasons: read in pages, written as they come, as CSV or as one JSON array."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TextIO

from agents.wiring.settings import StoreSettings
from operations import store
from schemas import csv_cells
from schemas.errors import ConfigurationError
from schemas.statements import OFFICIAL, StatementOfReasons, place_of
from streams.ports import ScoreStore

PAGE: Final = 500
"""Statements that are in memory at once."""

_OURS: Final = tuple(name for name in StatementOfReasons.model_fields if name not in OFFICIAL)
_MODEL: Final = "model"
"""A column of a nested value: its name and its version."""

Format = Literal["csv", "json"]
Count = Callable[[int], None]
"""Told how many are written."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which statements, and how they are written."""

    begin: datetime
    end: datetime | None
    """The first moment that is not asked for; None for all until now."""
    form: Format
    official: bool = False
    """Restrictions alone, in the fields of the DSA transparency database alone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that are written."""
        return OFFICIAL if self.official else (*_OURS, *OFFICIAL)


async def export(settings: StoreSettings, asked: ExportRequest, file: TextIO, count: Count) -> int:
    """Write the statements to `file`; how many there were. Raises `ConfigurationError` without a store."""
    if not store.is_here(settings):
        raise ConfigurationError(f"TAGSTREAM_STORE__PATH: there is no store at {settings.path} (yet)")
    written = 0
    writer: _Writer = _CsvWriter(file, asked) if asked.form == "csv" else _JsonWriter(file, asked)
    async with store.open_store(settings) as opened:
        async for page in _pages(opened, asked):
            for statement in page:
                writer.write(statement)
            written += len(page)
            count(written)
    writer.end()
    return written


async def of_image(settings: StoreSettings, image_id: str) -> tuple[StatementOfReasons, ...]:
    """The image's statements, oldest first; none where there is no store."""
    if not store.is_here(settings):
        return ()
    async with store.open_store(settings) as opened:
        return await opened.statements_of(image_id)


async def _pages(opened: ScoreStore, asked: ExportRequest) -> AsyncIterator[list[StatementOfReasons]]:
    """The statements that are asked for, page by page, each without those that are not."""
    after, before = place_of(asked.begin), place_of(asked.end) if asked.end else None
    while page := await opened.statements(after=after, before=before, limit=PAGE):
        yield [each for each in page if each.restricts or not asked.official]
        after = page[-1].place


class _Writer(Protocol):
    """Whoever writes one statement after another."""

    def write(self, statement: StatementOfReasons) -> None:
        """Write one."""

    def end(self) -> None:
        """Write what is behind the last one."""


class _CsvWriter:
    """A row a statement; a list is a JSON array in its cell, as in the database's own files."""

    def __init__(self, file: TextIO, asked: ExportRequest) -> None:
        self._columns = asked.columns
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(self._columns)

    def write(self, statement: StatementOfReasons) -> None:
        values = statement.model_dump(mode="json", include=set(self._columns))
        self._rows.writerow(csv_cells.written(_cell(name, values[name])) for name in self._columns)

    def end(self) -> None:
        """A table has no end."""


class _JsonWriter:
    """One array, an object a line; fields without a value are left out."""

    def __init__(self, file: TextIO, asked: ExportRequest) -> None:
        self._file = file
        self._columns = set(asked.columns)
        self._between = "[\n"

    def write(self, statement: StatementOfReasons) -> None:
        values = statement.model_dump(mode="json", include=self._columns, exclude_none=True)
        self._file.write(self._between + json.dumps(values, ensure_ascii=False))
        self._between = ",\n"

    def end(self) -> None:
        self._file.write("[]\n" if self._between == "[\n" else "\n]\n")


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return ""
    if name == _MODEL:
        return f"{value['name']} {value['version']}"
    return json.dumps(value) if isinstance(value, list) else str(value)


def documents(statements: Iterable[StatementOfReasons]) -> list[dict[str, Any]]:
    """Each as plain JSON, without the fields that have no value."""
    return [each.model_dump(mode="json", exclude_none=True) for each in statements]
