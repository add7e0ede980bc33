"""docs/guarantees.md: every promise names a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)))
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("|---", "| When"))
]


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    source = (ROOT / file).read_text()
    assert f"def {test}(" in source if test else "def test_" in source


@pytest.mark.parametrize("row", ROWS)
def test_every_promise_names_a_test(row: str) -> None:
    assert "`tests/" in row


def test_all_promises_were_found() -> None:
    assert len(ROWS) > 20
