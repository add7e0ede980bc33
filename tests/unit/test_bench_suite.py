"""The table and page of the benchmark: a reason in one line, and what other programs have measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.suite import page, reasons, table
from tests.unit.bench_builders import results

LOG = """it ended with 1; its log ends:
    said.raise_for_status()
  File "/somewhere/aiohttp/client_reqrep.py", line 842, in raise_for_status
aiohttp.client_exceptions.ClientResponseError: 500, message='Internal Server Error'
"""


def test_a_reason_is_what_failed_and_the_line_that_the_log_ends_with() -> None:
    assert reasons.in_a_line(RuntimeError(LOG)) == (
        "it ended with 1; its log ends:"
        " aiohttp.client_exceptions.ClientResponseError: 500, message='Internal Server Error'"
    )


def test_a_reason_of_one_line_is_said_once() -> None:
    assert reasons.in_a_line(ValueError("the store has 3 rows\n")) == "the store has 3 rows"
    assert reasons.in_a_line(TimeoutError()) == "TimeoutError"


def test_a_long_reason_is_cut_between_words() -> None:
    said = reasons.in_a_line(RuntimeError("word " * 200))
    assert said.endswith("word ...")
    assert len(said) <= reasons.MOST


def test_what_was_not_measured_is_one_line_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    why = "it says no " * 40
    table.show(results(failed={"Another": why.strip()}))
    assert f"Not measured: Another: {why.strip()}\n" in capsys.readouterr().out


def test_a_page_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("no markers")
    with pytest.raises(ValueError, match="no place for figures"):
        page.write(file, results())
