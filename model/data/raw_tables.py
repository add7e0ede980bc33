"""CSV and JSON lines readers: rows as their programs wrote them, with commas, semicolons or tabs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Final

from model.data import labels
from model.data.columns import MAYBE, YES, RawTable, Record
from model.data.labels import SEPARATOR
from schemas.errors import ConfigurationError

DELIMITERS: Final = ",;\t"


LISTS: Final = frozenset({"labels", "tags", "classes", "categories", YES, MAYBE})
"""Columns of several labels: where semicolons part the columns, commas part these."""


def from_csv(file: Path) -> RawTable:
    """The table of a CSV; raises `ConfigurationError` for what is none."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            delimiter = _delimiter(lines.readline())
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=delimiter, restval="")
            headers = tuple(reader.fieldnames or ())
            return RawTable(headers, [_record(cells, reader, file) for cells in reader])
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{file}: not a CSV in UTF-8 ({error})") from error


def from_json_lines(file: Path) -> RawTable:
    """The table of a JSON object a line, as Hugging Face's `metadata.jsonl`; raises `ConfigurationError`.

    A list of labels is an answer: an empty one says that none holds.
    """
    records = []
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not JSON lines in UTF-8 ({error})") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{file}, line {number}"
            records.append((_cells(_object(line, where), where), where))
    headers = tuple(dict.fromkeys(header for cells, _ in records for header in cells))
    return RawTable(headers, records)


def _delimiter(head: str) -> str:
    """What stands most often between the names of columns."""
    return max(DELIMITERS, key=head.count)


def _record(cells: dict[str, str], reader: csv.DictReader[str], file: Path) -> Record:
    """A row; what it has beyond the columns is passed over."""
    named = {name: cell for name, cell in cells.items() if name is not None}
    if reader.reader.dialect.delimiter == SEPARATOR:
        lists = {name for name in named if name.strip().lower() in LISTS}
        named |= {name: named[name].replace(",", SEPARATOR) for name in lists}
    return named, f"{file}, line {reader.line_num}"


def _object(line: str, where: str) -> dict[str, object]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{where}: not a JSON object")
    return document


def _cells(document: dict[str, object], where: str) -> dict[str, str]:
    cells = {name: _cell(value, where) for name, value in document.items()}
    listed = next((name for name in (YES, "labels", "label") if isinstance(document.get(name), list)), None)
    if listed in {"labels", "label"}:
        cells[YES] = cells.pop(listed)
    return cells


def _cell(value: object, where: str) -> str:
    if isinstance(value, list):
        return SEPARATOR.join(labels.checked(str(each), where=where) for each in value)
    return "" if value is None else str(value)
