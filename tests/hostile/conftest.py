"""The process in which hostile files are decoded."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.hostile.sandbox import Sandbox


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """One process for all files, as long as it lives."""
    if sys.platform != "linux":
        pytest.skip("the peak of a process's memory is read from /proc")
    with Sandbox() as one:
        yield one
