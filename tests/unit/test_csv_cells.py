"""Cells that a spreadsheet takes for text, and that read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from model.data import review, table
from model.data.review import Proposal
from schemas import csv_cells


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_what_a_spreadsheet_would_compute_begins_with_an_apostrophe(text: str) -> None:
    assert csv_cells.written(text) == f"'{text}"


@given(some.text(alphabet="'=+-@\t\ra;"))
def test_every_cell_reads_back_as_it_was(text: str) -> None:
    assert csv_cells.read(csv_cells.written(text)) == text


@given(some.text())
def test_a_cell_that_holds_no_formula_stays_as_it_is(text: str) -> None:
    if csv_cells.written(text) == text:
        assert csv_cells.read(text) == text


def test_a_review_batch_of_hostile_names_comes_back_as_it_went(tmp_path: Path) -> None:
    name = '=HYPERLINK("http:evil","x").jpg'
    proposal = Proposal(tmp_path / name, name, {"=menu": 0.9}, ("=menu",), 0.1)
    text = review.as_csv([proposal], ["=menu"], folder=tmp_path)
    assert not any(cell.startswith("=") for line in text.splitlines() for cell in line.split(","))
    (tmp_path / "review.csv").write_text(text)
    (row,) = table.rows(tmp_path / "review.csv")
    assert (row.path, row.labels, row.suggested) == (name, ("=menu",), ("=menu",))
