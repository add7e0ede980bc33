"""CSV reader: `path`, `label`, and as one has them `labels`, `yes`, `maybe`, `split`, `source` and so on."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.data import labels
from model.data.photograph import Encoded, Photograph, Split
from schemas import csv_cells
from schemas.errors import ConfigurationError

PATH: Final = "path"
YES: Final = "yes"
MAYBE: Final = "maybe"
LOOKED_AT: Final = frozenset({"yes", "y", "true", "1", "x", "ok"})
"""What says that a row was reviewed, in any case."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line, with the place to be named when it is wrong."""

    cells: Mapping[str, str]
    where: str

    def cell(self, column: str) -> str:
        """What stands there, without a formula's apostrophe; empty where column or cell is missing."""
        return csv_cells.read((self.cells.get(column) or "").strip())

    @property
    def path(self) -> str:
        """A path relative to the CSV, or an address."""
        return self.cell(PATH)

    @property
    def labels(self) -> tuple[str, ...]:
        """All true labels, the main one first. Raises `ConfigurationError` for a name that cannot be.

        Where there is a column `yes` it is the reading that holds; `label` then only says which is the main
        one of them, and `labels` is an older reading.
        """
        every = labels.split_cell(self.cell(YES if self.is_judged else "labels"), where=self.where)
        if not self.cell("label"):
            return every
        main = labels.checked(self.cell("label"), where=self.where)
        if self.is_judged and main not in every:
            return every
        return (main, *(label for label in every if label != main))

    @property
    def is_judged(self) -> bool:
        """Whether every label was judged, in a column `yes`: an empty cell then says that none holds."""
        return YES in self.cells

    @property
    def maybe(self) -> tuple[str, ...]:
        """Labels that are neither right nor wrong. Raises `ConfigurationError` for one that holds, too."""
        doubted = labels.split_cell(self.cell(MAYBE), where=self.where)
        return labels.disjoint(self.labels, doubted, where=self.where)

    @property
    def suggested(self) -> tuple[str, ...]:
        """What a model proposed, in a review batch."""
        return labels.split_cell(self.cell("suggested"), where=self.where)

    @property
    def is_corrected(self) -> bool:
        """Whether a person has changed what a model proposed, in a review batch."""
        proposed = labels.split_cell(self.cell("suggested_maybe"), where=self.where)
        return set(self.labels) != set(self.suggested) or set(self.maybe) != set(proposed)

    @property
    def is_reviewed(self) -> bool:
        """Whether a person says to have looked at it."""
        return self.cell("reviewed").lower() in LOOKED_AT

    @property
    def split(self) -> Split:
        """The side that the row names; raises `ConfigurationError`."""
        text = self.cell("split")
        if text not in set(Split):
            raise ConfigurationError(f"{self.where}: split {text!r} is not train, val or test")
        return Split(text)

    def photograph(self, path: Encoded, *, labels: tuple[str, ...] | None = None) -> Photograph:
        """The row's photograph, which is at `path`; `labels` instead of its own where they are given."""
        held = self.labels if labels is None else labels
        maybe = tuple(label for label in self.maybe if label not in held)
        return Photograph(path, held, self.split, self.source, maybe)

    @property
    def source(self) -> str:
        """Where the photograph came from; empty where the row does not say."""
        return self.cell("source")


def rows(file: Path, *, needed: tuple[str, ...] = (PATH,)) -> Iterator[TableRow]:
    """The rows of the CSV; raises `ConfigurationError` for a column that is not there, or no CSV at all."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{file}: no column {', '.join(missing)}")
            for cells in reader:
                yield TableRow(cells, f"{file}, line {reader.line_num}")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{file}: not a CSV in UTF-8 ({error})") from error


def is_review(file: Path) -> bool:
    """Whether the CSV is a review batch: then only what a person said in it counts."""
    return next(({"suggested", "reviewed"} <= set(row.cells) for row in rows(file)), False)
