"""`tagstream replay plan`: figures with their sources, one JSON document, and money that has a price."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tagstream import cli


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["tagstream", "replay", "plan", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out + shown.err


def test_every_figure_stands_with_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = told(monkeypatch, capsys, "--images", "500e6", "--rate", "40", "--deadline", "1000")
    assert code == 0
    rows = [line for line in said.partition("Reckoned from")[2].splitlines() if line.strip()]
    assert all(any(mark in row for mark in ("--", "assumed", "examples", "What")) for row in rows[1:])
    assert "7 to be done in 1000 h" in said
    assert "41.3 days" in said


def test_without_prices_no_money_is_printed_but_the_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, without = told(monkeypatch, capsys, "--images", "1e6", "--rate", "40")
    assert "nothing has a price: --price-worker-hour, --price-gb-read" in without
    _, priced = told(monkeypatch, capsys, "--images", "1e6", "--rate", "40", "--price-million-gets", "0.4")
    assert "0.40 (million-gets 0.40); without a price: --price-worker-hour" in priced


def test_json_is_one_document_with_the_plan_and_its_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = told(
        monkeypatch,
        capsys,
        "--images",
        "7.2e6",
        "--rate",
        "100",
        "--share",
        "1",
        "--price-gb-read",
        "1",
        "--json",
    )
    document: dict[str, Any] = json.loads(said)
    assert code == 0
    assert document["plan"]["hours"] == pytest.approx(20.0)
    assert document["plan"]["total"] == pytest.approx(document["plan"]["bytes_read"] / 1e9)
    assert document["sources"]["rate"] == "--rate"
    assert document["asked"]["prices"] == {"gb-read": 1.0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--images", "1e6"], "nothing to measure by"),
        (["--images", "1e6", "--rate", "fast"], "--rate fast"),
        (["--images", "1e6", "--rate", "40", "--peak", "50"], "a peak of 50"),
    ],
)
def test_what_cannot_be_reckoned_is_one_line(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = told(monkeypatch, capsys, *words)
    assert code == 2
    assert says in said
    assert len(said.strip().splitlines()) == 1
