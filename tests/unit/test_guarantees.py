"""docs/guarantees.md: every promise names a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", PAGE)))
ROWS = [
    line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("|---", "| When"))
]


def is_there(file: str, test: str) -> bool:
    source = (ROOT / file).read_text() if (ROOT / file).exists() else ""
    return (f"def {test}(" if test else "def test_") in source


def test_every_test_that_is_named_is_there() -> None:
    missing = [f"{file}::{test}" for file, test in NAMED if not is_there(file, test)]
    assert not missing, "\n".join(missing)


def test_every_promise_names_a_test() -> None:
    bare = [row for row in ROWS if "`tests/" not in row]
    assert not bare, "\n".join(bare)


def test_all_promises_were_found() -> None:
    assert len(ROWS) > 20
    assert len(NAMED) > 20
