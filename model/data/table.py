"""Table reader: a row a photograph, with `path`, `label`, and as one has them `labels`, `yes`, `maybe`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.data import annotation_files, labels, raw_tables
from model.data.columns import MAYBE, MISTAKES, PATH, YES, translated
from model.data.photograph import Encoded, Photograph, Split, split_named
from schemas import csv_cells
from schemas.errors import ConfigurationError

TEXTS: Final = frozenset({".csv", ".tsv", ".txt", ""})
JSON_LINES: Final = frozenset({".jsonl", ".ndjson"})
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
    def is_handed_back(self) -> bool:
        """Whether it is of a version's mistakes, which a person looked through and handed back."""
        return MISTAKES in self.cells

    @property
    def is_reviewed(self) -> bool:
        """Whether a person says to have looked at it."""
        return self.cell("reviewed").lower() in LOOKED_AT

    @property
    def split(self) -> Split:
        """The side that the row names; raises `ConfigurationError`."""
        text = self.cell("split")
        split = split_named(text)
        if split is None:
            raise ConfigurationError(
                f"{self.where}: split {text!r} is not train, val or test; --resplit forgets all splits"
            )
        return split

    def photograph(self, path: Encoded, *, is_none: bool = False, forget_split: bool = False) -> Photograph:
        """The row's photograph, which is at `path`; with `is_none` no label holds, whatever stands there."""
        held = () if is_none else self.labels
        maybe = labels.split_cell(self.cell(MAYBE), where=self.where) if is_none else self.maybe
        split = Split.UNSET if forget_split else self.split
        return Photograph(path, held, split, self.source, maybe)

    @property
    def is_review(self) -> bool:
        """Whether the row is of a review batch: then only what a person said in it counts."""
        return {"suggested", "reviewed"} <= set(self.cells)

    @property
    def source(self) -> str:
        """Where the photograph came from; empty where the row does not say."""
        return self.cell("source")


def rows(file: Path, *, labelled: bool = False) -> Iterator[TableRow]:
    """The rows of a CSV, of JSON lines, or of what Label Studio or COCO export as JSON.

    With `labelled` a column that says something of the labels must be there, too. Raises `ConfigurationError`
    for a column that is not there, and for what is none of these files.
    """
    suffix = file.suffix.lower()
    if suffix == ".json":
        found = annotation_files.records(file)
    elif suffix in JSON_LINES:
        found = translated(raw_tables.from_json_lines(file), file, labelled=labelled)
    elif suffix in TEXTS:
        found = translated(raw_tables.from_csv(file), file, labelled=labelled)
    else:
        raise ConfigurationError(
            f"{file}: not a file that is read: expected a CSV (.csv, .tsv, .txt), JSON lines (.jsonl), the"
            " JSON of Label Studio or COCO, or a shard (.tar)"
        )
    for cells, where in found:
        yield TableRow(cells, where)


def is_labelled(file: Path) -> bool:
    """Whether the file is a table that says something of the labels."""
    try:
        return next(rows(file, labelled=True), None) is not None
    except ConfigurationError:
        return False
