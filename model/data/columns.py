"""Column names: what other programs call a path and a label, and columns that are a class each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.data.photograph import split_named
from schemas.errors import ConfigurationError

Record = tuple[Mapping[str, str], str]
"""The cells of a row by column, and the place to be named when it is wrong."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns and rows as another program wrote them."""

    headers: tuple[str, ...]
    records: Sequence[Record]


PATH: Final = "path"
REMOTE: Final = "s3://"
"""What a path begins with that is an address in object storage."""
YES: Final = "yes"
MAYBE: Final = "maybe"
MISTAKES: Final = "mistakes"
"""What a version got wrong, in a table that `model evaluate --export-mistakes` wrote."""

OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    PATH: ("filename", "file_name", "file", "filepath", "file_path", "image", "image_path", "image_name"),
    "label": ("class", "category", "class_name", "category_name", "label_name", "target", "tag"),
    "labels": ("tags", "classes", "categories"),
    "split": ("set", "subset", "partition"),
}
"""What a column is called elsewhere; our own name holds where both are there."""

OURS: Final = frozenset({*OTHER_NAMES, YES, MAYBE, "source", "reviewed", "suggested", "suggested_maybe"})
SAYS: Final = frozenset({"label", "labels", YES})
"""Columns that say which labels hold."""

NO_CLASSES: Final = frozenset({"", "id", "index", "image_id", "unnamed: 0", "width", "height", "uncertainty"})
"""Columns of numbers that are none of 0 and 1 by more than chance."""

_ANSWERS: Final = {
    **dict.fromkeys(("1", "1.0", "true"), YES),
    **dict.fromkeys(("0", "0.0", "false"), ""),
    **dict.fromkeys(("", "?"), MAYBE),
}
MOSTLY: Final = 0.9
"""The share of a column's cells that are answers where it is a class; the others are slips then."""


def translated(raw: RawTable, file: Path, *, labelled: bool) -> Iterator[Record]:
    """The rows under our own names of columns; raises `ConfigurationError` for columns that are not there.

    With `labelled` the columns of classes become what holds and what may.
    """
    ours = _ours(raw)
    if PATH not in ours.values():
        raise ConfigurationError(_missing(file, raw.headers, PATH))
    classes: list[str] = []
    if labelled and not SAYS & set(ours.values()):
        classes = _classes([header for header in raw.headers if header not in ours], raw.records)
        if not classes and raw.records:
            raise ConfigurationError(_missing(file, raw.headers, "label"))
    for cells, where in raw.records:
        renamed = {ours.get(header, header): cell for header, cell in cells.items()}
        yield {**renamed, **(_judged({**cells, **renamed}, classes, where=where) if classes else {})}, where


def _ours(raw: RawTable) -> dict[str, str]:
    """Our name of each column that we know; another's column of splits is one where it holds nothing else."""
    by_name = {header.strip().lower(): header for header in raw.headers}
    found = {by_name[name]: name for name in sorted(OURS) if name in by_name}
    for ours, others in OTHER_NAMES.items():
        header = next((by_name[other] for other in others if other in by_name), None)
        if ours not in found.values() and header is not None and (ours != "split" or _parts(header, raw)):
            found[header] = ours
    return found


def _parts(header: str, raw: RawTable) -> bool:
    return all(split_named(cells.get(header) or "") is not None for cells, _ in raw.records)


def _missing(file: Path, headers: Collection[str], what: str) -> str:
    paths, names = " or ".join(OTHER_NAMES[PATH]), " or ".join(OTHER_NAMES["label"])
    found = ", ".join(repr(header.strip()) for header in headers) or "none"
    return (
        f"{file}: no column {what}; found {found}; expected path (or {paths}), and label (or {names}),"
        " labels or yes, or a column a class with 0 and 1; columns are parted by commas, semicolons or tabs"
    )


def _classes(headers: Sequence[str], records: Sequence[Record]) -> list[str]:
    """The columns of answers; one in which nothing was ever said is none."""
    found = []
    for header in headers:
        cells = [cells.get(header) or "" for cells, _ in records]
        answers = [answer for cell in cells if (answer := _answer(cell)) is not None]
        is_said = any(answer != MAYBE for answer in answers)
        if header.strip().lower() not in NO_CLASSES and is_said and len(answers) >= MOSTLY * len(cells):
            found.append(header)
    return found


def _judged(cells: Mapping[str, str], classes: Sequence[str], *, where: str) -> dict[str, str]:
    """The cells `yes` and `maybe` that say what the columns of classes say, and a column of maybes."""
    answers: dict[str, list[str]] = {YES: [], MAYBE: [cells.get(MAYBE) or ""]}
    for header in classes:
        answer = _answer(cells.get(header) or "")
        if answer is None:
            raise ConfigurationError(
                f"{where}: {cells[header]!r} in the column {header.strip()!r}, which has 1 for yes, 0 for no"
                " and ? or nothing for maybe"
            )
        if answer:
            answers[answer].append(header.strip())
    return {answer: ";".join(named) for answer, named in answers.items()}


def _answer(cell: str) -> str | None:
    """Yes, maybe or empty for no; None for what is no answer."""
    return _ANSWERS.get(cell.strip().lower())
