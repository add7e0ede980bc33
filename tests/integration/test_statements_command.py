"""`tagstream statements`: what was stated is exported as the database wants it, and shown for one image."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from operations import statement_export
from schemas import csv_cells, identity
from schemas.decisions import Decided
from schemas.statements import OFFICIAL, StatementOfReasons
from streams.adapters.sqlite.store import SqliteScores
from tagstream import cli
from tests.official_statement import complaints
from tests.unit.head_builders import NOW, claim, decided, outcome, scored, told

LUNCH = identity.image_id("photos", "lunch.jpg")
FORMULA = "=HYPERLINK(0)"
LISTS = ("decision_visibility", "content_type", "territorial_scope")


def stated() -> list[StatementOfReasons]:
    """A hide, an approval that restores, and a rejection; a minute apart, and the image is lunch.jpg's."""
    changes = (
        scored(claim(1, restaurant=FORMULA), menu=0.9),
        decided(5, Decided.APPROVE),
        decided(6, Decided.REJECT),
    )
    head, made = None, []
    for change in changes:
        head = outcome(head, change).head
        made += [each.model_copy(update={"image_id": LUNCH}) for each in head.statements]
        head = told(head)
    return [
        each.model_copy(update={"occurred_at": NOW + timedelta(minutes=minute)})
        for minute, each in enumerate(made)
    ]


async def _fill(path: Path, statements: list[StatementOfReasons]) -> None:
    async with SqliteScores(path) as store:
        await store.keep_statements(statements)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, with a store that knows these statements."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    asyncio.run(_fill(tmp_path / "kept.sqlite", stated()))
    return tmp_path


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tagstream", "statements", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def rows(text: str) -> list[dict[str, Any]]:
    """The rows of a table, read back as plain JSON; what is empty is absent."""
    return [
        {
            name: json.loads(cell) if name in LISTS else csv_cells.read(cell)
            for name, cell in row.items()
            if cell
        }
        for row in csv.DictReader(io.StringIO(text))
    ]


def test_a_table_is_read_back_and_every_row_is_what_the_database_asks_for(
    monkeypatch: pytest.MonkeyPatch, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2026-01-01", "--output", "all.csv") == 0
    found = rows((here / "all.csv").read_text())
    assert [(row["kind"], row.get("action")) for row in found] == [
        ("hide", None),
        ("decision", "approve"),
        ("restore", None),
        ("decision", "reject"),
    ]
    assert [complaints(row) for row in found] == [[]] * 4
    assert {row["restaurant_id"] for row in found} == {FORMULA}
    assert {row["model"] for row in found} == {"fake 1"}
    assert "4 statements in all.csv" in capsys.readouterr().err
    assert [path.name for path in here.iterdir() if "all.csv" in path.name] == ["all.csv"]


def test_what_a_spreadsheet_would_take_for_a_formula_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2026-01-01") == 0
    cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
    assert f"'{FORMULA}" in cells
    assert [cell for cell in cells if cell[:1] in {"=", "+", "-", "@"}] == []


def test_an_array_holds_what_the_table_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2026-01-01", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [StatementOfReasons.model_validate(each) for each in found] == stated()
    assert [complaints(each) for each in found] == [[]] * 4


def test_what_is_for_the_database_is_restrictions_in_its_fields_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2026-01-01", "--format", "json", "--official") == 0
    answer = capsys.readouterr()
    found = json.loads(answer.out)
    assert [each["puid"] for each in found] == [stated()[0].puid, stated()[3].puid]
    assert all(each.keys() <= set(OFFICIAL) for each in found)
    assert [complaints(each) for each in found] == [[], []]
    assert "2 statements" in answer.err


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_time_ends_before_its_last_moment(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, end = (f"2026-01-02T00:0{minute}:00+00:00" for minute in (1, 3))
    assert ran(monkeypatch, "export", "--from", begin, "--to", end, "--format", form) == 0
    out = capsys.readouterr().out
    found = rows(out) if form == "csv" else json.loads(out)
    assert [each["kind"] for each in found] == ["decision", "restore"]


def test_a_time_without_statements_is_an_empty_array(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2027-01-01", "--format", "json") == 0
    answer = capsys.readouterr()
    assert json.loads(answer.out) == []
    assert "0 statements" in answer.err


def test_a_history_longer_than_a_page_is_exported_whole_and_in_order(
    monkeypatch: pytest.MonkeyPatch, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = stated()[0]
    count = 2 * statement_export.PAGE + 7
    many = [
        one.model_copy(update={"puid": f"p{n:05}", "occurred_at": NOW + timedelta(days=9, seconds=n // 3)})
        for n in range(count)
    ]
    asyncio.run(_fill(here / "kept.sqlite", many[::-1]))
    assert ran(monkeypatch, "export", "--from", "2026-01-09", "--output", "all.csv") == 0
    found = [row["puid"] for row in csv.DictReader(io.StringIO((here / "all.csv").read_text()))]
    assert found == [each.puid for each in many]
    assert "1,007 statements" in capsys.readouterr().err


def test_an_export_that_cannot_be_written_is_a_line_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "2026-01-01", "--output", "nowhere/all.csv") == 2
    assert "--output: nowhere/all.csv: No such file" in capsys.readouterr().err
    assert not (here / "nowhere").exists()


def test_where_there_is_no_store_that_is_said_and_none_is_made(
    monkeypatch: pytest.MonkeyPatch, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(here / "none.sqlite"))
    assert ran(monkeypatch, "export", "--from", "2026-01-01") == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (here / "none.sqlite").exists()


def test_a_time_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "export", "--from", "yesterday") == 2
    assert "--from yesterday" in capsys.readouterr().err


def test_the_statements_of_an_image_are_shown_oldest_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "show", LUNCH) == 0
    shown = capsys.readouterr().out
    places = [
        shown.index(word) for word in ("  hide", "  decision: approve", "  restore", "  decision: reject")
    ]
    assert places == sorted(places)
    assert stated()[0].puid in shown


def test_scripts_read_the_statements_of_an_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "show", "s3://photos/lunch.jpg", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [StatementOfReasons.model_validate(each) for each in found] == stated()


def test_an_image_that_nobody_knows_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "show", "img_nobody") == 1
    assert "img_nobody" in capsys.readouterr().err
