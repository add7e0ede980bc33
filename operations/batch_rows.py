"""Row reader of a batch's list: whole rows are cut off some bytes of it, and parsed. Pure, without I/O.

A row of a CSV is what Python's `csv.reader` takes for one; of JSON Lines, a line. Both `cut` and `parse` read
by the same iterator, so that they count the same rows. A row that cannot be used has a fault and is counted;
what makes it unsure where the next one begins is an `UnreadableList`.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from schemas.addresses import BUCKET
from schemas.batch_jobs import BatchFormat, BatchInput
from schemas.did_you_mean import did_you_mean
from schemas.errors import TagstreamError
from schemas.printable import one_line
from schemas.uploads import Location
from schemas.validation import first_fault

ROWS_OF_A_CHUNK: Final = 1_000
MOST_ROWS: Final = 10_000_000
MOST_LINE_BYTES: Final = 64 * 2**10
"""Of a row with its line end, however many lines it spans."""
MOST_COLUMNS: Final = 200

MALFORMED_ROW: Final = "malformed-row"
NO_IMAGE: Final = "no-image"
URLS_NOT_ACCEPTED: Final = "urls-not-accepted"

_UTF_8_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BLANK: Final = {BatchFormat.CSV: "\r\n", BatchFormat.JSON_LINES: " \t\r\n"}
"""A line of these alone is no row."""
_ESCAPED: Final = "surrogateescape"
"""How bytes that are not UTF-8 pass through csv and JSON; no UTF-8 decodes to the same."""

_MOST_DEPTH: Final = 100
"""Of a JSON object: what is read has to be written, too, and either recurs."""
_NAMED: Final = 20
"""Columns that are named where the image's is missing."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_S3: Final = "s3://"
_NOT_IN_A_KEY: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class UnreadableList(TagstreamError):
    """The list cannot be read (any further)."""


class TooManyRows(UnreadableList):
    """The list has more rows than one may have."""


class _TooLong(Exception):
    """More bytes than a row may have."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row has no scores."""

    code: str
    """Short, in lower case with hyphens; it stays the same."""
    detail: str


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of the list: it has either a location or a fault."""

    number: int
    """The first row of the list is 1."""
    image: str
    """As it is written there, without the blanks around it; empty where there is none."""
    fields: Mapping[str, Any]  # any JSON value
    """All that is carried through to its result, in its order; of a CSV, cells by column."""
    location: Location | None
    fault: RowFault | None


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The first record of a CSV."""

    columns: tuple[str, ...]
    begin: int
    """Bytes before the first row."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole rows at the beginning of some bytes."""

    rows: int
    """None of them where there are blank lines alone."""
    length: int
    """Bytes, with the blank lines between the rows."""


_Record = list[str] | str
"""Cells, or a line of JSON; empty for a blank line."""


class _Lines:
    r"""Iterator of lines, each with its `\n`: csv pulls as many as a record has, `at` says how far that is.

    A lone `\r` ends no line. Raises `_TooLong` where a record is longer than it may be.
    """

    def __init__(self, data: bytes, end: int, begin: int = 0) -> None:
        self._data = data
        self._end = end
        self.begin = begin
        """Of the record that is being read."""
        self.at = begin
        """The first byte that is not pulled."""
        self.is_over = False
        """Whether more was asked for than there is: a quote is open at the end."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= self._end:
            self.is_over = True
            raise StopIteration
        begin = self.at
        self.at = self._data.find(b"\n", begin, self._end) + 1 or self._end
        if self.at - self.begin > MOST_LINE_BYTES:
            raise _TooLong
        return self._data[begin : self.at].decode("utf-8", _ESCAPED)


def header(data: bytes, column: str) -> CsvHeader:
    """The header of the CSV that begins with `data`: `MOST_LINE_BYTES` of it, or more, or all.

    Raises `UnreadableList` where it is none, or has no `column`.
    """
    begin = json_lines_begin(data)
    lines = _Lines(data, min(len(data), begin + MOST_LINE_BYTES), begin)
    try:
        columns = next(filter(None, csv.reader(lines)), None)
    except csv.Error as error:
        raise _carriage_return("its header") from error
    is_whole = not lines.is_over and data[: lines.at].endswith(b"\n")
    if not is_whole and len(data) >= MOST_LINE_BYTES:
        raise _too_long("its header", BatchFormat.CSV)
    if columns is None:
        raise UnreadableList("it is empty: the first line of a CSV names its columns")
    if lines.is_over:
        raise UnreadableList("its header has a quote that is never closed: close it")
    _check_columns(columns, column)
    return CsvHeader(tuple(columns), lines.at)


def json_lines_begin(data: bytes) -> int:
    """Bytes of the byte order mark with which `data` begins; raises `UnreadableList` for one of UTF-16."""
    if data.startswith(_UTF_16_MARKS):
        raise UnreadableList("it is UTF-16, as its byte order mark says: save it as UTF-8")
    return len(_UTF_8_MARK) if data.startswith(_UTF_8_MARK) else 0


def cut(data: bytes, form: BatchFormat, *, most: int, is_last: bool, first_row: int) -> Cut:
    """The whole rows with which `data` begins, `most` at most; `is_last` says that the list ends with it.

    A row is whole when its line end is there, or the list's end. At the list's end blank lines behind the
    last row belong to it; elsewhere they may be left over, as a cut without rows. Raises `UnreadableList`,
    which names the row, also where one is too long already and not whole yet.
    """
    lines = _Lines(data, len(data) if is_last else data.rfind(b"\n") + 1)
    records = _records(lines, form, first_row)
    rows = length = 0
    while rows < most and (record := next(records, None)) is not None and (is_last or not lines.is_over):
        rows += bool(record)
        length = lines.at
        if rows and first_row + rows - 1 > MOST_ROWS:
            raise TooManyRows(f"it has more than {MOST_ROWS:,} rows: split it into several lists")
    if rows < most and len(data) - length > MOST_LINE_BYTES:
        raise _too_long(_row_named(first_row + rows), form)
    if is_last and not data[length:].strip(_BLANK[form].encode()):
        length = len(data)
    return Cut(rows, length)


def parse(data: bytes, listed: BatchInput, *, first_row: int) -> tuple[BatchRow, ...]:
    """The rows of `data[:cut.length]`, numbered from `first_row`; as many as the cut has.

    An image is `s3://bucket/key`, or a key below `listed.base`: where the base has no prefix the key is the
    image as it is, a leading slash included; else it is the prefix, a `/` unless it ends with one, and the
    image. Nothing is unescaped: an apostrophe before a formula's sign is part of the key.
    """
    records = _records(_Lines(data, len(data)), listed.format, first_row)
    numbered = enumerate((record for record in records if record), first_row)
    return tuple(_row(number, record, listed) for number, record in numbered)


def _records(lines: _Lines, form: BatchFormat, first_row: int) -> Iterator[_Record]:
    """Every record, blank ones too; raises `UnreadableList`."""
    row = first_row
    found: Iterator[_Record] = csv.reader(lines) if form is BatchFormat.CSV else _stripped(lines)
    try:
        for record in found:
            yield record
            row += bool(record)
            lines.begin = lines.at
    except csv.Error as error:
        raise _carriage_return(_row_named(row)) from error
    except _TooLong as error:
        raise _too_long(_row_named(row), form) from error


def _stripped(lines: _Lines) -> Iterator[str]:
    return (line.strip(_BLANK[BatchFormat.JSON_LINES]) for line in lines)


def _row_named(row: int) -> str:
    return f"row {row:,}"


def _too_long(what: str, form: BatchFormat) -> UnreadableList:
    why = "a quote that is never closed is the usual reason" if form is BatchFormat.CSV else "shorten it"
    return UnreadableList(f"{what} is longer than {MOST_LINE_BYTES:,} bytes: {why}")


def _carriage_return(what: str) -> UnreadableList:
    """What csv raises for a lone carriage return outside of quotes; within our limit it has no other."""
    return UnreadableList(
        f"{what} has a carriage return that ends no line, as old Macintosh files do: save the list with"
        r" \n or \r\n as its line ends, or put the cell into quotes"
    )


def _check_columns(columns: list[str], column: str) -> None:
    """Raises `UnreadableList` where these cannot be a list's columns."""
    if not _is_text("".join(columns)):
        raise UnreadableList("its header is not UTF-8: save the list as UTF-8")
    if len(columns) > MOST_COLUMNS:
        raise UnreadableList(f"it has {len(columns):,} columns: leave {MOST_COLUMNS} of them at most")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise UnreadableList(f"two of its columns are called {_shown(twice[0])}: rename one")
    if column not in columns:
        raise UnreadableList(_no_column(columns, column))


def _no_column(columns: list[str], column: str) -> str:
    only = columns[0] if len(columns) == 1 else ""
    if parted := [name for sign, name in ((";", "semicolons"), ("\t", "tabs")) if sign in only]:
        return f"its columns are parted by {parted[0]}: save it with commas"
    names = ", ".join(map(_shown, columns[:_NAMED])) + (", ..." if len(columns) > _NAMED else "")
    return f"none of its columns is called {_shown(column)}, but {names}{did_you_mean(column, columns)}"


def _shown(name: str) -> str:
    """The name in quotes; a long one is cut short."""
    return f"`{one_line(name[:100])}`"


def _row(number: int, record: _Record, listed: BatchInput) -> BatchRow:
    if isinstance(record, list):
        fields, wrong = _cells(record, listed.header or ())
    else:
        fields, wrong = _object(record)
    given = fields.get(listed.column)
    image = given.strip() if isinstance(given, str) else ""
    if not wrong and not isinstance(given, str | None):
        wrong = f"{_shown(listed.column)} is no string"
    found = RowFault(MALFORMED_ROW, wrong) if wrong else _located(image, listed.base)
    if isinstance(found, RowFault):
        return BatchRow(number, image, fields, None, found)
    return BatchRow(number, image, fields, found, None)


def _cells(cells: list[str], columns: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The cells by column, those that are missing empty, and what is wrong with them."""
    missing = [""] * (len(columns) - len(cells))
    fields = {name: _text(cell) for name, cell in zip(columns, [*cells, *missing], strict=False)}
    if not _is_text("".join(cells)):
        return fields, "not UTF-8"
    if len(cells) > len(columns):
        return fields, f"{len(cells):,} cells, and {len(columns)} columns"
    return fields, ""


def _object(line: str) -> tuple[dict[str, Any], str]:
    """The JSON object in a line, and what is wrong with it."""
    try:
        found = json.loads(_text(line), parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        return {}, "not UTF-8" if not _is_text(line) else f"not JSON: {one_line(str(error))}"
    if not isinstance(found, dict):
        return {}, "not a JSON object"
    # The brackets alone say of almost every line that it is not deep.
    if line.count("{") + line.count("[") > _MOST_DEPTH and _is_deep(found):
        return {}, f"not JSON that is read: nested deeper than {_MOST_DEPTH}"
    return found, "" if _is_text(line) else "not UTF-8"


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    """The number; one too large for a float would be written as `Infinity`, which is not JSON."""
    number = float(text)
    return number if math.isfinite(number) else _not_json("a number out of range")


def _is_deep(value: object) -> bool:
    """Whether its objects and lists are nested deeper than `_MOST_DEPTH`."""
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [child for each in level for child in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_text(escaped: str) -> bool:
    """Whether it was UTF-8."""
    try:
        escaped.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(escaped: str) -> str:
    """With a replacement character for what was not UTF-8."""
    return escaped if _is_text(escaped) else escaped.encode("utf-8", _ESCAPED).decode("utf-8", "replace")


def _located(image: str, base: str) -> Location | RowFault:
    """The object that the row means."""
    if not image:
        return RowFault(NO_IMAGE, "the row names no image")
    if _SCHEME.match(image) and not image.startswith(_S3):
        return RowFault(
            URLS_NOT_ACCEPTED, "an image is s3://BUCKET/KEY, or a key; no other address is fetched"
        )
    bucket, key = _parted(image) if image.startswith(_S3) else _below(image, base)
    if wrong := _wrong(bucket, key):
        return RowFault(MALFORMED_ROW, wrong)
    try:
        return Location(bucket=bucket, key=key)
    except ValidationError as error:
        return RowFault(MALFORMED_ROW, first_fault(error))


def _parted(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(_S3).partition("/")
    return bucket, key


def _below(image: str, base: str) -> tuple[str, str]:
    bucket, prefix = _parted(base)
    between = "/" if prefix and not prefix.endswith("/") else ""
    return bucket, f"{prefix}{between}{image}"


def _wrong(bucket: str, key: str) -> str:
    """What is wrong with the address; empty where nothing is."""
    if not BUCKET.fullmatch(bucket):
        return "what follows s3:// is not a bucket's name"
    if _NOT_IN_A_KEY.search(key):
        return "the key has a control character, or half of one"
    if not {".", ".."}.isdisjoint(key.split("/")):
        return "the key has a segment . or .."
    return ""
